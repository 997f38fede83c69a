// What the page does: listens to the feed, draws what it is told, and says so when nobody tells it anything.
"use strict";
(() => {
  const feedUrl = document.currentScript.dataset.feed;
  const HISTORY = 450, SPARK = 60, ROWS = 15;
  // Doubled after each attempt that failed.
  const RETRY_MS = 1000, RETRY_MS_MAX = 15000;
  const byId = (id) => document.getElementById(id);
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
  const dateTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
  byId("zone").textContent = zone;
  byId("host").textContent = location.host;
  document.title = `Monitor · ${location.host}`;

  // ---- numbers as people read them; nothing known is a dash

  const digits = (value, most = 3) => value.toLocaleString(undefined, { maximumSignificantDigits: most });
  const whole = (value) => (value == null ? "–" : Math.round(value).toLocaleString());
  const rate = (value) => (value == null ? "–" : `${digits(value)}/s`);
  const share = (value) => (value == null ? "–" : `${digits(value * 100)} %`);
  const seconds = (value) => {
    if (value == null) return "–";
    return value < 1 ? `${digits(value * 1000)} ms` : `${digits(value)} s`;
  };
  const count = (value) => (value == null ? "–" : digits(value, 4));

  const make = (tag, attributes, ...children) => {
    const svg = ["svg", "polyline", "line"].includes(tag);
    const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  // Writes only what changed: a screen reader and a selection are not disturbed by the rest.
  const write = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };

  // ---- plots

  const COLOURS = ["blue", "orange", "red", "violet", "green", "soft"];
  const DASHES = [[], [6, 3], [2, 2], [8, 3, 2, 3], [], [6, 3]];
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

  // Each has lines by name: what a moment says of them, and how its numbers read.
  const PLOTS = [
    {
      title: "Requests", unit: "by the second", show: rate,
      lines: (moments) => ({
        "all": moments.map((m) => m.requests),
        "refused (4xx)": moments.map((m) => m.refused),
        "errors": moments.map((m) => m.errors),
      }),
    },
    {
      title: "Latency", unit: "to the headers of the response", show: seconds,
      lines: (moments) => ({
        "p50": moments.map((m) => m.latency.p50),
        "p95": moments.map((m) => m.latency.p95),
        "p99": moments.map((m) => m.latency.p99),
      }),
    },
    { title: "Error rate", unit: "share of requests", show: share, lines: (moments) => ({ "errors": moments.map((m) => m.error_rate) }) },
    { title: "Active users", unit: "seen within", show: whole, lines: (moments) => columns(moments, "active_users", byLength) },
    { title: "Credits used", unit: "by the second", show: rate, lines: (moments) => columns(moments, "credits") },
    {
      title: "In flight", unit: "requests, and anomalies as found", show: whole,
      lines: (moments) => ({ "requests": moments.map((m) => m.in_flight), "anomalies": moments.map((m) => m.anomalies) }),
    },
  ];

  const SECONDS = { s: 1, m: 60, h: 3600, d: 86400 };
  const length = (frame) => parseFloat(frame) * (SECONDS[frame.slice(-1)] || 1);
  const byLength = (a, b) => length(a) - length(b);

  function columns(moments, key, order) {
    const names = new Set();
    for (const moment of moments) for (const name of Object.keys(moment[key])) names.add(name);
    const found = {};
    for (const name of [...names].sort(order).slice(0, COLOURS.length)) {
      found[name] = moments.map((moment) => moment[key][name] ?? null);
    }
    return found;
  }

  // Steps between whole numbers.
  const WHOLE = Array.from({ length: 30 }, (_, n) => [1, 2, 5][n % 3] * 10 ** Math.floor(n / 3));
  // With seconds where two ticks would read the same without.
  const time = (tick, ticks) => {
    const text = clock.format(tick * 1000);
    return ticks.length > 1 && ticks[1] - ticks[0] < 60 ? text : text.slice(0, 5);
  };

  class Plot {
    constructor(plan) {
      this.plan = plan;
      this.names = "";
      this.place = make("div", { class: "plot", "aria-hidden": "true" });
      this.empty = make("p", { class: "empty" }, "Nothing to draw yet.");
      this.legend = make("ul", { class: "legend" });
      this.head = make("thead");
      this.body = make("tbody");
      const table = make("table", {}, make("caption", { class: "aside" }, `${plan.title}, the newest first`), this.head, this.body);
      this.rows = make("details", {}, make("summary", {}, "As a table"),
        make("div", { class: "rows", tabindex: "0", role: "region", "aria-label": `${plan.title} as a table` }, table));
      this.rows.addEventListener("toggle", () => this.tabulate());
      byId("plots").append(make("figure", {},
        make("figcaption", {}, `${plan.title} `, make("span", {}, plan.unit)), this.legend, this.empty, this.place, this.rows));
      new ResizeObserver(() => this.fit()).observe(this.place);
    }

    draw(moments) {
      this.moments = moments;
      const lines = this.plan.lines(moments);
      const names = Object.keys(lines);
      const some = Object.values(lines).some((line) => line.some((value) => value != null));
      this.empty.hidden = some;
      this.place.hidden = this.rows.hidden = this.legend.hidden = !some;
      this.place.parentElement.classList.toggle("none", !some);
      if (!some) return;
      if (this.names !== names.join("\n")) this.begin(names);
      this.chart.setData([moments.map((m) => m.at), ...Object.values(lines)]);
      names.forEach((name, n) => write(this.values[n], ` ${this.plan.show(lines[name][moments.length - 1])}`));
      this.tabulate();
    }

    begin(names) {
      this.names = names.join("\n");
      this.chart?.destroy();
      const axis = { stroke: () => colour("soft"), grid: { stroke: () => colour("grid"), width: 1 }, ticks: { show: false } };
      const series = names.map((name, n) => ({
        label: name, stroke: () => colour(COLOURS[n % COLOURS.length]), width: 1.75, dash: DASHES[n % DASHES.length], points: { show: false },
      }));
      this.chart = new uPlot({
        width: this.place.clientWidth || 320, height: 176, legend: { show: false }, series: [{}, ...series],
        cursor: { drag: { x: false, y: false }, sync: { key: "monitor" } },
        scales: { y: { range: (_, low, high) => [0, high > 0 ? high * 1.1 : 1] } },
        axes: [
          { ...axis, size: 30, space: 56, values: (_, ticks) => ticks.map((tick) => time(tick, ticks)) },
          { ...axis, size: 66, incrs: this.plan.show === whole ? WHOLE : undefined, values: (_, ticks) => ticks.map((tick) => this.plan.show(tick)) },
        ],
      }, [[], ...names.map(() => [])], this.place);
      this.values = names.map(() => make("span"));
      this.legend.replaceChildren(...names.map((name, n) => {
        const line = make("line", { x1: 0, y1: 5, x2: 22, y2: 5, "stroke-width": 2, "stroke-dasharray": DASHES[n % DASHES.length].join(" ") });
        line.style.stroke = `var(--${COLOURS[n % COLOURS.length]})`;
        return make("li", {}, make("svg", { viewBox: "0 0 22 10", "aria-hidden": "true" }, line), name, this.values[n]);
      }));
      this.head.replaceChildren(make("tr", {}, ...["Time", ...names].map((name) => make("th", { scope: "col" }, name))));
    }

    tabulate() {
      if (!this.rows.open || !this.moments) return;
      const lines = this.plan.lines(this.moments);
      const last = this.moments.length - 1;
      const rows = [];
      for (let at = last; at >= 0 && at > last - ROWS; at--) {
        const cells = Object.values(lines).map((line) => make("td", {}, this.plan.show(line[at])));
        rows.push(make("tr", {}, make("th", { scope: "row" }, clock.format(this.moments[at].at * 1000)), ...cells));
      }
      this.body.replaceChildren(...rows);
    }

    fit() {
      if (this.chart && this.place.clientWidth > 0) this.chart.setSize({ width: this.place.clientWidth, height: 176 });
    }

    redraw() {
      this.chart?.redraw(false, true);
    }
  }

  // ---- tiles, endpoints, anomalies, health

  const STATES = { ok: "OK", slow: "Slow", failing: "Failing", anomalous: "Anomaly", idle: "Idle" };
  const REASONS = {
    server_error: "server errors", high_latency: "slow", error_rate_spike: "more errors than usual", exception: "an error in what is watched",
    panic: "a panic", latency_shift: "slower than usual", traffic_spike: "more requests than usual", traffic_drop: "fewer requests than usual",
  };

  function tiles(summary) {
    const active = Object.entries(summary.active_users).sort(([a], [b]) => byLength(a, b));
    const [frame, users] = active.find(([name]) => name === "5m") || active[0] || ["", null];
    const entries = [
      ["Requests", rate(summary.requests.per_second), ""],
      ["Latency, p95", seconds(summary.latency_seconds.p95), ""],
      ["Error rate", share(summary.error_rate), ""],
      ["Active users", whole(users), frame && ` within ${frame}`],
      ["Credits used", whole(summary.credits.used_total), summary.credits.held == null ? "" : ` ${whole(summary.credits.held)} held`],
      ["Anomalies", whole(summary.anomalies.total), ""],
    ];
    const list = byId("tiles");
    if (list.children.length !== entries.length) {
      list.replaceChildren(...entries.map(([name]) => make("div", {}, make("dt", {}, name), make("dd", {}, make("span"), make("small")))));
    }
    entries.forEach(([, value, note], n) => {
      const [big, small] = list.children[n].lastChild.children;
      write(big, value);
      write(small, note);
    });
  }

  const sparks = new Map();
  const rows = new Map();

  function spark(svg, values) {
    const most = Math.max(...values, 1e-9);
    const step = 100 / (SPARK - 1), start = 100 - (values.length - 1) * step;
    const points = values.map((value, n) => `${(start + n * step).toFixed(1)},${(23 - (22 * value) / most).toFixed(1)}`);
    svg.firstChild.setAttribute("points", points.join(" "));
  }

  function row(endpoint) {
    const cell = (label, kind) => make("td", { "data-label": label, class: kind });
    const svg = make("svg", { class: "spark", viewBox: "0 0 100 24", preserveAspectRatio: "none", "aria-hidden": "true" }, make("polyline"));
    const state = make("span", { class: "badge" });
    const cells = {
      state, svg, requests: cell("Requests", "number"), errors: cell("Errors", "number"), p50: cell("p50", "number"),
      p95: cell("p95", "number"), p99: cell("p99", "number"), threshold: cell("Threshold", "number"),
    };
    const stateCell = make("td", { class: "state" }, state);
    const trend = make("td", { class: "trend" }, svg);
    const element = make("tr", {}, make("th", { scope: "row" }, endpoint), stateCell, cells.requests, trend, cells.errors, cells.p50, cells.p95, cells.p99, cells.threshold);
    return { element, ...cells };
  }

  function endpoints(summary) {
    const listed = summary.endpoints;
    byId("endpoints").hidden = listed.length === 0;
    byId("no-endpoints").hidden = listed.length > 0;
    const leftOut = byId("left-out");
    leftOut.hidden = summary.endpoints_left_out === 0;
    write(leftOut, `${summary.endpoints_left_out} less busy endpoints are not listed.`);
    // In the order of names: rows that jump about while one reads them are no help.
    const ordered = [...listed].sort((a, b) => a.endpoint.localeCompare(b.endpoint));
    const body = byId("endpoints").tBodies[0];
    const seen = new Set();
    ordered.forEach((line, n) => {
      seen.add(line.endpoint);
      let found = rows.get(line.endpoint);
      if (!found) rows.set(line.endpoint, (found = row(line.endpoint)));
      if (body.children[n] !== found.element) body.insertBefore(found.element, body.children[n] || null);
      write(found.state, STATES[line.state] || line.state);
      found.state.dataset.state = line.state;
      write(found.requests, rate(line.requests_per_second));
      write(found.errors, share(line.error_rate));
      write(found.p50, seconds(line.latency_seconds.p50));
      write(found.p95, seconds(line.latency_seconds.p95));
      write(found.p99, seconds(line.latency_seconds.p99));
      write(found.threshold, seconds(line.threshold_seconds));
      found.p95.classList.toggle("over", line.threshold_seconds != null && line.latency_seconds.p95 > line.threshold_seconds);
      found.errors.classList.toggle("over", line.error_rate >= 0.05);
      spark(found.svg, sparks.get(line.endpoint) || [0]);
    });
    for (const [name, found] of rows) {
      if (!seen.has(name)) {
        found.element.remove();
        rows.delete(name);
      }
    }
  }

  const UNITS = { high_latency: seconds, latency_shift: seconds, error_rate_spike: share, traffic_spike: rate, traffic_drop: rate };
  const named = (reason) => REASONS[reason] || reason.replaceAll("_", " ");

  // What is seen beside what would be normal. Only a threshold is the most that may be; what was learned is usual.
  function compared(reason, observed, expected) {
    switch (reason) {
      case "high_latency": return `took ${observed}, threshold ${expected}`;
      case "latency_shift": return `geometric mean ${observed}, usually ${expected}`;
      default: return `observed ${observed}, usually ${expected}`;
    }
  }

  function anomaly(found) {
    const when = new Date(found.since * 1000);
    const said = [];
    const as = UNITS[found.reason] || count;
    // Of a call that failed there is nothing to compare.
    if (found.observed != null && UNITS[found.reason]) said.push(compared(found.reason, as(found.observed), as(found.expected)));
    if (found.count > 1) said.push(`${whole(found.count)} times, last at ${clock.format(found.at * 1000)}`);
    if (found.until != null) said.push(`over at ${clock.format(found.until * 1000)}`);
    const item = make("li", {},
      make("time", { datetime: when.toISOString(), title: dateTime.format(when) }, clock.format(when)),
      make("code", {}, found.endpoint), `: ${named(found.reason)}`);
    if (found.severity === "critical") item.append(" ", make("span", { class: "badge", "data-state": "failing" }, "critical"));
    if (said.length) item.append(make("p", {}, said.join("; ")));
    return item;
  }

  let known = null, drawn = "";

  function anomalies(summary) {
    const recent = summary.anomalies.recent;
    write(byId("anomalies-total"), summary.anomalies.total ? `counted ${whole(summary.anomalies.total)} times` : "");
    byId("no-anomalies").hidden = recent.length > 0;
    const list = byId("anomalies");
    list.hidden = recent.length === 0;
    const now = JSON.stringify(recent);
    if (now === drawn) return;
    drawn = now;
    list.replaceChildren(...recent.map(anomaly));
    const key = (found) => `${found.endpoint} ${found.reason} ${found.since}`;
    const fresh = known ? recent.filter((found) => !known.has(key(found))) : [];
    known = new Set(recent.map(key));
    if (fresh.length) {
      const more = fresh.length > 1 ? `, and ${fresh.length - 1} more` : "";
      announce(`Anomaly at ${fresh[0].endpoint}: ${named(fresh[0].reason)}${more}`);
    }
  }

  function health(summary) {
    const { health: it } = summary;
    const sum = (by) => Object.values(by).reduce((a, b) => a + b, 0);
    const troubles = sum(it.instrumentation_errors);
    const kinds = Object.entries(it.instrumentation_errors).filter(([, n]) => n > 0).map(([kind]) => kind.replaceAll("_", " "));
    const scrapes = sum(it.scrapes), answered = it.scrapes.ok || 0;
    const entries = [
      ["Measurements that went wrong", troubles ? `${whole(troubles)} (${kinds.join(", ")})` : "none", troubles > 0],
      ["Scrapes answered", `${whole(answered)} of ${whole(scrapes)}`, false],
      ["Families, series", `${whole(it.families)}, ${whole(it.series)}`, false],
      ["Fullest family", it.fullest ? `${it.fullest.family}, ${share(it.fullest.series / it.fullest.limit)}` : "–", it.fullest && it.fullest.series > 0.9 * it.fullest.limit],
      ["Counted under _overflow", it.overflowed ? whole(it.overflowed) : "none", it.overflowed > 0],
    ];
    const list = byId("health");
    if (list.children.length !== entries.length * 2) {
      list.replaceChildren(...entries.flatMap(([name]) => [make("dt", {}, name), make("dd")]));
    }
    entries.forEach(([, value, over], n) => {
      const place = list.children[n * 2 + 1];
      write(place, value);
      place.classList.toggle("over", Boolean(over));
    });
  }

  // ---- what is known, and from when

  const plots = PLOTS.map((plan) => new Plot(plan));
  let moments = [];
  let interval = 2;
  let lastHeard = 0;
  let pending = false;

  function draw() {
    pending = false;
    if (!moments.length) return;
    for (const plot of plots) plot.draw(moments);
    if (!performance.getEntriesByName("monitor-first-plot").length) performance.mark("monitor-first-plot");
  }

  // Nothing is drawn while nobody sees it; then once, with all that came.
  function drawSoon() {
    if (pending || document.hidden) return;
    pending = true;
    requestAnimationFrame(draw);
  }

  function tell(summary) {
    if (!summary) return;
    tiles(summary);
    endpoints(summary);
    anomalies(summary);
    health(summary);
  }

  function everything(data) {
    interval = data.interval_seconds;
    moments = data.history.moments.slice(-HISTORY);
    sparks.clear();
    for (const [name, values] of Object.entries(data.history.sparks)) sparks.set(name, values.slice(-SPARK));
    heard();
    tell(data.summary);
    drawSoon();
    notice(moments.length ? "" : "There is no data yet: the service has not read its numbers once.");
  }

  function news(data) {
    heard();
    if (moments.length && data.moment.at <= moments[moments.length - 1].at) return;
    moments.push(data.moment);
    if (moments.length > HISTORY) moments.shift();
    for (const line of data.summary.endpoints) {
      let values = sparks.get(line.endpoint);
      if (!values) sparks.set(line.endpoint, (values = []));
      values.push(line.requests_per_second_now);
      if (values.length > SPARK) values.shift();
    }
    notice("");
    tell(data.summary);
    drawSoon();
  }

  // ---- the connection

  function announce(text) {
    write(byId("announce"), text);
  }

  function notice(text) {
    byId("notice").hidden = !text;
    write(byId("notice"), text);
  }

  function state(name, text) {
    const place = byId("state");
    if (place.dataset.state !== name) {
      place.dataset.state = name;
      if (name !== "waiting") announce(text);
    }
    write(byId("state-text"), text);
    document.body.classList.toggle("stale", name === "gone");
  }

  function heard() {
    lastHeard = Date.now();
    state("live", `Live, every ${digits(interval)} s`);
  }

  let source = null, retry = RETRY_MS, timer = 0;

  function connect() {
    clearTimeout(timer);
    source?.close();
    source = new EventSource(feedUrl);
    source.addEventListener("everything", (event) => {
      retry = RETRY_MS;
      everything(JSON.parse(event.data));
    });
    source.addEventListener("news", (event) => news(JSON.parse(event.data)));
    source.addEventListener("error", lost);
  }

  // The browser's own attempts to reconnect end at the first answer that is no feed, so we make them.
  function lost() {
    source?.close();
    source = null;
    const since = lastHeard ? `, last heard at ${clock.format(lastHeard)}` : "";
    state("gone", `No connection${since}`);
    notice(`The service does not answer or has too many viewers${since}. What you see is what it said last; the page keeps trying.`);
    clearTimeout(timer);
    timer = setTimeout(connect, retry);
    retry = Math.min(retry * 2, RETRY_MS_MAX);
  }

  // A connection can die without a word: a machine that slept, a network that changed.
  setInterval(() => {
    if (source && lastHeard && Date.now() - lastHeard > Math.max(4 * interval, 5) * 1000) lost();
  }, 1000);

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    if (!source) connect();
    drawSoon();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plots.forEach((plot) => plot.redraw()));
  connect();
})();
