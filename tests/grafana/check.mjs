// Says whether the dashboard is what Grafana's schema allows, and whether it has a key that the schema does not know.
//
//     node check.mjs DASHBOARD.json
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const dashboard = JSON.parse(readFileSync(process.argv[2], "utf8"));
mkdirSync(join(here, "out"), { recursive: true });

// The compiler refuses an unknown key in a literal, and takes no string for an enum: `Plain` says that one of its
// values will do. What the schema leaves open (the options of a panel, its custom fields, a target) is checked against the
// types of the panel and the data source that read it.
const literals = [];
const literal = (type, value) => literals.push(`const _${literals.length}: Plain<${type}> = ${JSON.stringify(value, null, 1)};`);
const { annotations, ...rest } = dashboard;
literal("Dashboard", rest);
for (const annotation of annotations.list) literal("Annotation", annotation);
for (const panel of dashboard.panels.filter((panel) => panel.type === "timeseries")) {
  literal("TimeSeriesOptions", panel.options);
  literal("Partial<GraphFieldConfig>", panel.fieldConfig.defaults.custom);
  literal("FieldConfig", { ...panel.fieldConfig.defaults, custom: {} });
  for (const target of panel.targets) literal("Target", target);
}
const source = `
import type { AnnotationQuery, Dashboard, DataQuery, FieldConfig, GraphFieldConfig, OptionsWithLegend, OptionsWithTooltip, OptionsWithTimezones } from "@grafana/schema";

type Plain<T> = T extends string ? \`\${T}\` : T extends number | boolean | null | undefined ? T
  : T extends (infer U)[] ? Plain<U>[] : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;
type TimeSeriesOptions = OptionsWithLegend & OptionsWithTooltip & Partial<OptionsWithTimezones>;
// What Prometheus' query editor writes beside what every data source has.
interface Target extends DataQuery {
  expr: string;
  legendFormat?: string;
  range?: boolean;
  instant?: boolean;
  exemplar?: boolean;
  format?: "time_series" | "table" | "heatmap";
  editorMode?: "code" | "builder";
  interval?: string;
}
// What its editor of annotations writes beside what the schema has.
interface Annotation extends AnnotationQuery<Target> {
  titleFormat?: string;
  textFormat?: string;
  tagKeys?: string;
  useValueForTime?: boolean;
}
${literals.join("\n")}
`;
writeFileSync(join(here, "out/dashboard.ts"), source);
execFileSync(
  join(here, "node_modules/.bin/tsc"),
  ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--moduleResolution", "nodenext", "--target", "es2022", join(here, "out/dashboard.ts")],
  { stdio: "inherit", cwd: here },
);

// What types cannot say: ids are unique, panels do not overlap, and every variable that is read is there.
const wrong = [];
const ids = dashboard.panels.map((panel) => panel.id);
if (new Set(ids).size !== ids.length) wrong.push("two panels have one id");
const taken = new Map();
for (const { title, gridPos } of dashboard.panels) {
  if (gridPos.x + gridPos.w > 24) wrong.push(`${title} stands out of the grid`);
  for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
    for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
      if (taken.has(`${x} ${y}`)) wrong.push(`${title} lies over ${taken.get(`${x} ${y}`)}`);
      taken.set(`${x} ${y}`, title);
    }
  }
}
const variables = new Set(dashboard.templating.list.map((variable) => variable.name));
for (const [, name] of JSON.stringify(dashboard).matchAll(/\$\{?(\w+)/g)) {
  if (!variables.has(name) && !name.startsWith("__")) wrong.push(`there is no variable ${name}`);
}
for (const panel of dashboard.panels.filter((panel) => panel.type !== "row")) {
  if (!panel.description) wrong.push(`${panel.title} has no description`);
  if (!panel.fieldConfig.defaults.unit) wrong.push(`${panel.title} has no unit`);
}
if (wrong.length) {
  console.error([...new Set(wrong)].join("\n"));
  process.exit(1);
}
console.log(`${dashboard.panels.length} panels and rows, ${literals.length} literals: as the schema says`);
