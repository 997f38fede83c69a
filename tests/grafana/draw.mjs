// Draws every panel of the dashboard in a real browser with Grafana's own components, on what a Prometheus answers now;
// a panel without data, or a blank or broken one, is a failure. The pictures are in `out`.
//
//     node draw.mjs DASHBOARD.json http://127.0.0.1:9090 ['PANEL THAT MAY BE EMPTY|..']
import { createServer } from "node:http";
import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import puppeteer from "puppeteer-core";

const here = dirname(fileURLToPath(import.meta.url));
const [, , file, prometheus] = process.argv;
mkdirSync(join(here, "out"), { recursive: true });

// The variables as somebody would have them who chose nothing, with a rate over as little as there is.
const chosen = readFileSync(file, "utf8").replaceAll("$instance", ".*").replaceAll("$endpoint", ".*").replaceAll("$interval", "15s");

await build({
  entryPoints: [join(here, "draw.jsx")], outfile: join(here, "out/draw.js"), bundle: true, minify: true, jsx: "automatic", logLevel: "error",
  define: { "process.env.NODE_ENV": '"production"', global: "window" },
  loader: { ".svg": "dataurl", ".ttf": "empty", ".woff2": "empty" },
});

const page = '<!DOCTYPE html><meta charset="utf-8"><link rel="icon" href="data:,"><link rel="stylesheet" href="/draw.css"><body style="margin:0"><div id="root"></div><script src="/draw.js"></script>';
const server = createServer(async (request, response) => {
  const url = new URL(request.url, "http://host");
  try {
    if (url.pathname.startsWith("/prometheus/")) {
      const answer = await fetch(prometheus + url.pathname.slice("/prometheus".length) + url.search);
      response.writeHead(answer.status, { "content-type": "application/json" }).end(await answer.text());
    } else if (url.pathname === "/draw.js") {
      response.writeHead(200, { "content-type": "text/javascript" }).end(readFileSync(join(here, "out/draw.js")));
    } else if (url.pathname === "/draw.css") {
      response.writeHead(200, { "content-type": "text/css" }).end(readFileSync(join(here, "out/draw.css")));
    } else if (url.pathname === "/dashboard.json") {
      response.writeHead(200, { "content-type": "application/json" }).end(chosen);
    } else {
      response.writeHead(200, { "content-type": "text/html" }).end(page);
    }
  } catch (error) {
    response.writeHead(502).end(String(error));
  }
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const origin = `http://127.0.0.1:${server.address().port}`;

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const wrong = [];
try {
  for (const theme of ["light", "dark"]) {
    const tab = await browser.newPage();
    await tab.setViewport({ width: 1320, height: 900 });
    tab.on("pageerror", (error) => wrong.push(`${theme}: ${error}`));
    tab.on("console", (message) => message.type() === "error" && wrong.push(`${theme}: ${message.text()}`));
    tab.on("request", (request) => new URL(request.url()).origin === origin || request.url().startsWith("data:") || wrong.push(`asked ${request.url()}`));
    await tab.goto(`${origin}/?theme=${theme}`);
    await tab.waitForFunction("window.wanted || window.failed", { timeout: 60000 });
    const failed = await tab.evaluate("window.failed");
    if (failed) {
      wrong.push(failed);
      continue;
    }
    const wanted = await tab.evaluate("window.wanted");
    const drawn = await tab.waitForFunction(
      (titles) => {
        const coloured = (canvas) => {
          // Axes and grid are grey; a line has a colour.
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          for (let at = 0; at < data.length; at += 4) {
            const [red, green, blue] = data.subarray(at, at + 3);
            if (data[at + 3] > 60 && Math.max(red, green, blue) - Math.min(red, green, blue) > 60) return true;
          }
          return false;
        };
        const states = titles.map(([title]) => {
          const canvas = document.querySelector(`[data-title="${CSS.escape(title)}"] canvas`);
          return canvas && canvas.width > 0 && coloured(canvas);
        });
        window.missing = titles.filter((_, n) => !states[n]).map(([title]) => title);
        return window.missing.length === 0;
      },
      { timeout: 15000, polling: 500 },
      wanted.filter(([, frames]) => frames > 0),
    ).then(() => true, () => false);
    if (!drawn) wrong.push(`${theme}: nothing is drawn in ${await tab.evaluate("window.missing")}`);
    for (const [title, frames] of wanted) if (!frames) wrong.push(`${theme}: no data in ${title}`);
    await tab.screenshot({ path: join(here, `out/panels-${theme}.png`), fullPage: true });
    console.log(`${theme}: ${wanted.length} panels`);
    await tab.close();
  }
} finally {
  await browser.close();
  server.close();
  server.closeAllConnections();
}
if (wrong.length) {
  console.error([...new Set(wrong)].join("\n"));
  process.exit(1);
}
