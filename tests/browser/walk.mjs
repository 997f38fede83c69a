// Walks through the demo as a person does: signs up, works, runs out of credits, tops up, causes trouble and sees it on
// the live page. Nothing may be asked of another host, nothing may be said in the console but the failures that the walk
// causes, and axe-core may find nothing serious, at phone and desktop width, in light and dark.
//
//   node walk.mjs DEMO-APP [DIRECTORY]     the program; where screenshots go, build/ unless given

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import readline from "node:readline";
import { chromium } from "playwright-core";

const [program, directory = "build"] = process.argv.slice(2);
assert(program, "node walk.mjs DEMO-APP [DIRECTORY]");

const WALK_MS_MAX = 150_000;
const WAIT_MS = 20_000;
const CHROMIUM = "/usr/bin/chromium";
const ARGUMENTS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];
const WIDTHS = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 900 } };
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const data = await mkdtemp(path.join(tmpdir(), "demo-walk-"));
await mkdir(directory, { recursive: true });
const demo = spawn(program, ["--port", "0", "--data-dir", data, "--log", "off"], {
  stdio: ["ignore", "pipe", "inherit"],
  // The walk makes it panic, and nobody wants to read how it came to that.
  env: { ...process.env, RUST_BACKTRACE: "0" },
});
const ended = new Promise((resolve) => demo.once("exit", resolve));
const lines = readline.createInterface({ input: demo.stdout });
const url = await new Promise((resolve, reject) => {
  lines.once("line", (line) => resolve(line.replace("demo-app listens on ", "")));
  demo.once("exit", (code) => reject(new Error(`the demo ended with ${code}`)));
});
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });
const tooLong = setTimeout(() => {
  console.error(`the walk took more than ${WALK_MS_MAX / 1000} s`);
  demo.kill("SIGKILL");
  process.exit(1);
}, WALK_MS_MAX);

// What the walk itself causes, as the console names it.
const expected = [/status of 402/, /status of 500/, /status of 409/, /test-panic/, /ERR_EMPTY_RESPONSE/];
const wrong = [];
// Milliseconds from asking for the live page to its first plot, of each visit.
const firstPlots = [];

async function open(where, settings) {
  const context = await browser.newContext({ viewport: WIDTHS.desktop, reducedMotion: "reduce", ...settings });
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS);
  page.on("console", (message) => {
    const text = `${message.text()} ${message.location().url}`;
    if (["error", "warning"].includes(message.type()) && !expected.some((one) => one.test(text))) wrong.push(text);
  });
  page.on("pageerror", (error) => wrong.push(String(error)));
  page.on("request", (request) => {
    if (!request.url().startsWith(`${url}/`) && !request.url().startsWith("data:")) wrong.push(`asked ${request.url()}`);
  });
  await page.goto(url + where);
  return page;
}

async function judge(page, name) {
  // Run from outside of the page's policy, which would not let it in.
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  const serious = found.violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
  for (const { id, help, nodes } of serious) wrong.push(`axe at ${name}: ${id}, ${help}: ${nodes.map((n) => n.html).slice(0, 3)}`);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (overflow > 0) wrong.push(`${name} is ${overflow} px wider than its window`);
}

async function shoot(page, name) {
  await page.screenshot({ path: path.join(directory, `${name}.png`), fullPage: true });
}

const said = (page, id, text) => page.locator(`#${id}`).filter({ hasText: text }).waitFor();

async function walk() {
  const page = await open("/");
  await judge(page, "the front page, signed out");
  await page.getByLabel("Name").fill("alan");
  await page.getByLabel("Password").fill("enigma-1940");
  await page.getByRole("button", { name: "Sign up and in" }).click();
  await said(page, "account-said", "You are signed in");
  await said(page, "balance", "100");

  await page.getByRole("button", { name: "List the items" }).click();
  await said(page, "work-said", "That was free");
  await page.getByRole("button", { name: "Make a report" }).click();
  await said(page, "work-said", "It cost 5 credits; 95 remain.");
  await page.getByLabel("Years to forecast").fill("47");
  await said(page, "price", "94 credits");
  await page.getByRole("button", { name: "Forecast" }).click();
  await said(page, "work-said", "It cost 94 credits; 1 remain.");
  await page.getByRole("button", { name: "Make a report" }).click();
  await said(page, "work-said", "402: this needs 5 credits, and you have 1.");
  await page.getByRole("button", { name: "Top up by 50" }).click();
  await said(page, "account-said", "you have 51 credits");
  await said(page, "balance", "51");

  // It fails one time of four, and costs nothing then.
  for (let tries = 0; tries < 20; tries += 1) {
    await page.getByRole("button", { name: "Make a flaky report" }).click();
    await page.locator("#work-said").filter({ hasText: /2 credits;|out of paper/ }).waitFor();
    if (await page.locator("#work-said.bad").count()) break;
    await page.locator("#work-said").evaluate((place) => place.replaceChildren());
  }
  await said(page, "work-said", "500: the printer is out of paper");
  // Giving back is not waited for.
  await page.locator("#held:empty").waitFor({ state: "attached" });
  const left = await page.locator("#balance").textContent();

  await page.getByRole("button", { name: "An error", exact: true }).click();
  await said(page, "trouble-said", "500: this is the error that you asked for");
  await page.getByRole("button", { name: "A slow answer" }).click();
  await said(page, "trouble-said", "It answered after 1.5 s.");
  await page.getByRole("button", { name: "A panic" }).click();
  await said(page, "trouble-said", "The handler panicked");
  await page.getByRole("button", { name: "An error burst" }).click();
  await said(page, "trouble-said", "60 requests met it");
  await page.getByText("What became of your credits").click();
  await page.getByRole("cell", { name: "capture: forecast" }).waitFor();
  // The numbers come every two seconds.
  await page.locator("#now-credits").filter({ hasText: String(150 - left) }).waitFor();
  for (const found of ["exception at flaky_report", "server error at /monitoring/test-error", "panic at /monitoring/test-panic"]) {
    await page.waitForFunction(
      async (found) => {
        const { anomalies } = await (await fetch("/monitoring/api-metrics")).json();
        return anomalies.recent.some(({ reason, endpoint }) => `${reason.replaceAll("_", " ")} at ${endpoint}` === found);
      },
      found,
      { polling: 1000 },
    );
  }
  await judge(page, "the front page, signed in");
  await shoot(page, "front-signed-in");

  await watch();

  await page.getByRole("button", { name: "Make a token" }).click();
  await said(page, "account-said", "Your token, told this once: demo_");
  await page.getByRole("button", { name: "Revoke my tokens" }).click();
  await said(page, "account-said", "Your tokens are worthless now");

  // By the keyboard alone, and out.
  await page.getByRole("button", { name: "Sign out", exact: true }).focus();
  await page.keyboard.press("Enter");
  await said(page, "account-said", "You are signed out");
  await page.keyboard.type("alan");
  await page.keyboard.press("Tab");
  await page.keyboard.type("enigma-1940");
  await page.keyboard.press("Enter");
  await said(page, "account-said", "You are signed in");
  await said(page, "balance", left);
  const state = await page.context().storageState();
  await page.context().close();

  for (const [width, viewport] of Object.entries(WIDTHS)) {
    for (const colorScheme of ["light", "dark"]) {
      const name = `front-${width}-${colorScheme}`;
      const view = await open("/", { viewport, colorScheme, storageState: state });
      await said(view, "balance", left);
      await view.locator("#anomalies li").first().waitFor();
      await judge(view, name);
      await shoot(view, name);
      await view.context().close();
    }
  }
}

// The live page, in every width and light; last, what it says when the service is gone.
async function watch() {
  for (const [width, viewport] of Object.entries(WIDTHS)) {
    for (const colorScheme of ["light", "dark"]) {
      const name = `monitor-${width}-${colorScheme}`;
      const view = await open("/monitor", { viewport, colorScheme });
      await view.locator("#state[data-state=live]").waitFor();
      for (const found of ["flaky_report: an error in what is watched", "/monitoring/test-error: server errors", "/monitoring/test-panic: a panic"]) {
        await view.locator("#anomalies li").filter({ hasText: found }).waitFor();
      }
      await view.getByRole("rowheader", { name: "/monitoring/test-error", exact: true }).waitFor();
      await view.locator("#plots canvas").first().waitFor();
      await judge(view, name);
      await shoot(view, name);
      const [drawn] = await view.evaluate(() => performance.getEntriesByName("monitor-first-plot").map((mark) => mark.startTime));
      firstPlots.push(Math.round(drawn));
      await view.context().close();
    }
  }
}

async function serviceEnds() {
  const view = await open("/monitor");
  await view.locator("#state[data-state=live]").waitFor();
  expected.push(/ERR_(CONNECTION_REFUSED|INCOMPLETE_CHUNKED_ENCODING)/);
  demo.kill("SIGTERM");
  await view.locator("#state[data-state=gone]").filter({ hasText: "No connection, last heard at" }).waitFor();
  await view.locator("#notice").filter({ hasText: "the page keeps trying" }).waitFor();
  await judge(view, "monitor, the service gone");
  await shoot(view, "monitor-gone");
}

let failed = null;
try {
  await walk();
  await serviceEnds();
} catch (error) {
  failed = error;
  const [context] = browser.contexts();
  if (context) await shoot(context.pages()[0], "failed").catch(() => null);
}
clearTimeout(tooLong);
await browser.close();
demo.kill("SIGTERM");
assert.equal(await ended, 0, "the demo should end cleanly");
await rm(data, { recursive: true });
if (failed) throw failed;
assert.deepEqual(wrong, []);
console.log(`walked through ${url}: no console error, no other host, nothing serious by axe-core; see ${directory}/`);
console.log(`the live page drew its first plot after ${firstPlots.join(", ")} ms`);
