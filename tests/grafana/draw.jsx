// The page that draws every panel of the dashboard with Grafana's own components, on what a Prometheus answers now.
import React from "react";
import { createRoot } from "react-dom/client";
import { createTheme, dateTime, EventBusSrv, FieldType, getDisplayProcessor, toDataFrame, getFieldDisplayName } from "@grafana/data";
import { GlobalStyles, PanelContextProvider, ThemeContext, TimeSeries } from "@grafana/ui";
import "uplot/dist/uPlot.min.css";
import { points } from "./points.mjs";

const query = new URLSearchParams(location.search);
const theme = createTheme({ colors: { mode: query.get("theme") || "dark" } });
const context = { eventsScope: "test", eventBus: new EventBusSrv() };
const SECONDS = 120, STEP = 2, WIDTH = 620, HEIGHT = 260;

async function frames(panel, from, to) {
  const all = [];
  for (const target of panel.targets) {
    const answer = await fetch(`/prometheus/api/v1/query_range?${new URLSearchParams({ query: target.expr, start: from, end: to, step: STEP })}`);
    const { data, error } = await answer.json();
    if (error) throw new Error(`${panel.title}: ${error}`);
    for (const { metric, values } of data.result) {
      const found = points(values);
      if (!found) continue;
      const legend = target.legendFormat.replace(/{{\s*(\w+)\s*}}/g, (_, label) => metric[label] ?? "");
      const threshold = /threshold$/.test(legend);
      const defaults = panel.fieldConfig.defaults;
      const override = threshold ? Object.fromEntries(panel.fieldConfig.overrides.flatMap((o) => o.properties).map((p) => [p.id, p.value])) : {};
      const frame = toDataFrame({
        refId: target.refId,
        fields: [
          { name: "Time", type: FieldType.time, values: found.times, config: {} },
          {
            name: "Value", type: FieldType.number, values: found.numbers, labels: metric,
            config: {
              ...defaults, displayNameFromDS: legend, ...(override.color && { color: override.color }),
              custom: { ...defaults.custom, ...(override["custom.lineStyle"] && { lineStyle: override["custom.lineStyle"], fillOpacity: 0 }) },
            },
          },
        ],
      });
      for (const field of frame.fields) field.display = getDisplayProcessor({ field, theme });
      all.push(frame);
    }
  }
  all.forEach((frame, n) => {
    frame.fields[1].state = { seriesIndex: n, displayName: getFieldDisplayName(frame.fields[1], frame, all) };
  });
  return all;
}

function Panel({ panel, frames, range }) {
  return (
    <section data-title={panel.title} style={{ width: WIDTH, margin: 8, background: theme.colors.background.primary, color: theme.colors.text.primary }}>
      <h2 style={{ font: "14px sans-serif", margin: 4 }}>{panel.title}</h2>
      <TimeSeries frames={frames} structureRev={1} timeRange={range} timeZone="utc" width={WIDTH} height={HEIGHT}
        legend={panel.options.legend} tooltip={panel.options.tooltip} />
    </section>
  );
}

async function main() {
  const dashboard = await (await fetch("/dashboard.json")).json();
  const to = Math.floor(Date.now() / 1000), from = to - SECONDS;
  const range = { from: dateTime(from * 1000), to: dateTime(to * 1000), raw: { from: `now-${SECONDS}s`, to: "now" } };
  const panels = [];
  for (const panel of dashboard.panels.filter((panel) => panel.type === "timeseries")) {
    panels.push({ panel, frames: await frames(panel, from, to) });
  }
  createRoot(document.getElementById("root")).render(
    <ThemeContext.Provider value={theme}>
      <GlobalStyles isExtensionPoint={false} />
      <PanelContextProvider value={context}>
        <div style={{ display: "flex", flexWrap: "wrap", background: theme.colors.background.canvas }}>
          {panels.map(({ panel, frames }) => frames.length ? <Panel key={panel.id} panel={panel} frames={frames} range={range} /> : <p key={panel.id} data-empty={panel.title}>{panel.title}: no data</p>)}
        </div>
      </PanelContextProvider>
    </ThemeContext.Provider>,
  );
  window.wanted = panels.map(({ panel, frames }) => [panel.title, frames.length]);
}
main().catch((error) => { window.failed = String(error); console.error(error); });
