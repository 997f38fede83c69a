// The front page at work: what its buttons ask of the service, and what it says of the answers.
"use strict";

const $ = (id) => document.getElementById(id);
const PRICE_A_YEAR = 2;
const BURST_REQUESTS = 60;
let user = null;

// What the service answers: its status, and its JSON where it has some. Nothing here throws but a lost connection.
async function ask(method, path, body) {
  const options = { method, headers: {}, credentials: "same-origin", cache: "no-store" };
  if (body !== undefined) {
    options.headers["content-type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const response = await fetch(path, options);
  const json = await response.json().catch(() => null);
  const credits = {
    used: response.headers.get("x-credits-used"),
    remaining: response.headers.get("x-credits-remaining"),
  };
  return { status: response.status, json, credits };
}

// kind: good, bad (the service failed), refused (it would not), or none.
function say(id, text, kind = "") {
  const place = $(id);
  place.textContent = text;
  place.className = `said ${kind}`;
}

function kindOf(status) {
  if (status >= 500) return "bad";
  return status >= 400 ? "refused" : "good";
}

function detailOf({ status, json }) {
  if (status === 402 && json) {
    return `402: this needs ${json.required} credits, and you have ${json.available}. Top up, or do something smaller.`;
  }
  return `${status}: ${json?.detail ?? json?.title ?? "no more was said"}`;
}

function paid({ credits }) {
  return credits.used === null ? "" : ` It cost ${credits.used} credits; ${credits.remaining} remain.`;
}

const euros = (cents) => (cents / 100).toLocaleString(undefined, { minimumFractionDigits: 2 });

// --- Who you are

async function showUser() {
  const { json } = await ask("GET", "/session");
  user = json?.user ?? null;
  $("signed-out").hidden = user !== null;
  $("signed-in").hidden = user === null;
  for (const button of document.querySelectorAll("button.account")) button.disabled = user === null;
  document.querySelector(".account-note").hidden = user !== null;
  if (user !== null) {
    $("user").textContent = user;
    await showCredits();
  }
}

async function showCredits() {
  if (user === null) return;
  const { status, json } = await ask("GET", "/credits");
  if (status !== 200) return;
  $("balance").textContent = json.available;
  $("held").textContent = json.held > 0 ? ` (and ${json.held} held)` : "";
  $("history").replaceChildren(...json.history.map(historyRow));
  // What failed is given back without a wait for it.
  if (json.held > 0) setTimeout(() => showCredits().catch(() => null), 500);
}

function historyRow(entry) {
  const row = document.createElement("tr");
  const signed = (n) => (n > 0 ? `+${n}` : `${n}`);
  const cells = [
    new Date(entry.at * 1000).toLocaleTimeString(),
    entry.operation ? `${entry.kind}: ${entry.operation}` : entry.kind,
    signed(entry.available),
    signed(entry.held),
  ];
  for (const [at, text] of cells.entries()) {
    const cell = row.insertCell();
    cell.textContent = text;
    if (at > 1) cell.className = "number";
  }
  return row;
}

async function sign(up) {
  const form = $("sign");
  if (!form.reportValidity()) return;
  const login = { user: form.user.value, password: form.password.value };
  if (up) {
    const made = await ask("POST", "/signup", login);
    if (made.status !== 201) return say("account-said", detailOf(made), kindOf(made.status));
  }
  const opened = await ask("POST", "/login", login);
  if (opened.status !== 200) return say("account-said", detailOf(opened), kindOf(opened.status));
  form.reset();
  await showUser();
  say("account-said", "You are signed in: one session more on /metrics.", "good");
  $("top-up").focus();
}

const account = {
  "sign-up": () => sign(true),
  "top-up": async () => {
    const answer = await ask("POST", "/credits/top-up", { amount: 50 });
    const said = answer.status === 200 ? `Topped up: you have ${answer.json.available} credits.` : detailOf(answer);
    say("account-said", said, kindOf(answer.status));
    await showCredits();
  },
  token: async () => {
    const answer = await ask("POST", "/tokens");
    const told = `Your token, told this once: ${answer.json?.token}. Send it as “Authorization: Bearer …”.`;
    say("account-said", answer.status === 201 ? told : detailOf(answer), kindOf(answer.status));
  },
  revoke: async () => {
    const answer = await ask("DELETE", "/tokens");
    const said = answer.status === 204 ? "Your tokens are worthless now." : detailOf(answer);
    say("account-said", said, kindOf(answer.status));
  },
  "sign-out-everywhere": async () => {
    const answer = await ask("DELETE", "/sessions");
    await showUser();
    say("account-said", answer.status === 204 ? "You are signed out everywhere." : detailOf(answer), kindOf(answer.status));
    if (user === null) $("sign").user.focus();
  },
  "sign-out": async () => {
    await ask("POST", "/logout");
    await showUser();
    say("account-said", "You are signed out.");
    $("sign").user.focus();
  },
};

// --- Work

async function work(method, path, body, tell) {
  const answer = await ask(method, path, body);
  const done = answer.status < 400;
  say("work-said", done ? tell(answer.json) + paid(answer) : detailOf(answer), kindOf(answer.status));
  await showCredits();
}

const report = (json) => `The stock is worth ${euros(json.stock_cents)}, a month brings ${euros(json.sales_cents_median)}.`;
const forecast = (json) => `In ${json.years} years: ${euros(json.cents_low)} to ${euros(json.cents_high)}.`;

const deeds = {
  items: () => work("GET", "/items", undefined, (items) => `${items.length} items, ${items[0].name} first. That was free.`),
  report: () => work("POST", "/reports", undefined, report),
  flaky: () => work("POST", "/reports/flaky", undefined, report),
  error: () => trouble("/monitoring/test-error"),
  slow: () => trouble("/monitoring/test-slow"),
  panic: async () => {
    try {
      await ask("GET", "/monitoring/test-panic");
      say("trouble-said", "It answered, which it should not have.", "bad");
    } catch {
      say("trouble-said", "The handler panicked: no answer came, and it is counted as a failure.", "bad");
    }
  },
  failing: () => burst("failing", "fails"),
  slowing: () => burst("slow", "is slow"),
  crowding: () => traffic("crowded", "come twenty times as often"),
  deserting: () => traffic("deserted", "stay away"),
  calm: async () => {
    const answer = await ask("DELETE", "/monitoring/faults");
    say("trouble-said", answer.status === 200 ? "All endpoints are as they were." : detailOf(answer), kindOf(answer.status));
  },
};

async function trouble(path) {
  const began = performance.now();
  const answer = await ask("GET", path);
  const took = ((performance.now() - began) / 1000).toFixed(1);
  const said = answer.status < 400 ? `It answered after ${took} s.` : detailOf(answer);
  say("trouble-said", `${said} See it below, and on the live page.`, kindOf(answer.status));
}

// Tells /items to fail or to be slow, and then asks for it, a few at a time, so that there is something to see.
async function burst(fault, does) {
  const wanted = { endpoint: "/items", fault, seconds: 20, delay_seconds: 1.5 };
  const answer = await ask("POST", "/monitoring/faults", wanted);
  if (answer.status !== 200) return say("trouble-said", detailOf(answer), kindOf(answer.status));
  let asked = 0;
  const one = async () => {
    while (asked < BURST_REQUESTS) {
      asked += 1;
      say("trouble-said", `/items ${does} for 20 s: request ${asked} of ${BURST_REQUESTS}.`, "bad");
      await fetch("/items", { cache: "no-store" }).catch(() => null);
    }
  };
  await Promise.all([one(), one(), one(), one()]);
  say("trouble-said", `/items ${does} for 20 s: ${BURST_REQUESTS} requests met it. See it below, and on the live page.`, "bad");
}

// Tells the simulated users to crowd /items, or to leave it alone.
async function traffic(fault, does) {
  const answer = await ask("POST", "/monitoring/faults", { endpoint: "/items", fault, seconds: 60 });
  const said = `The simulated users ${does} for 60 s. It takes half a minute until that is clear.`;
  say("trouble-said", answer.status === 200 ? said : detailOf(answer), kindOf(answer.status));
}

// --- What was found

const WATCH = document.querySelector("nav a").href.replace(/\/monitor$/, "");
const HERE = WATCH === location.origin;

async function look() {
  if (document.hidden) return;
  try {
    const response = await fetch(`${WATCH}/monitoring/api-metrics`, { cache: "no-store" });
    if (!response.ok) {
      $("now-said").textContent = response.status === 401 ? "The numbers are for whoever has the token." : "";
      return;
    }
    showNumbers(await response.json());
  } catch {
    $("now-said").textContent = "The service does not answer.";
  }
}

function showNumbers(now) {
  const number = (value, digits = 1) => (value == null ? "–" : value.toLocaleString(undefined, { maximumFractionDigits: digits }));
  $("now-rate").textContent = number(now.requests.per_second);
  $("now-p95").textContent = now.latency_seconds.p95 == null ? "–" : `${number(now.latency_seconds.p95 * 1000, 0)} ms`;
  $("now-errors").textContent = now.error_rate == null ? "–" : `${number(now.error_rate * 100)} %`;
  $("now-users").textContent = number(now.active_users?.["5m"], 0);
  $("now-credits").textContent = number(now.credits?.used_total, 0);
  $("now-anomalies").textContent = number(now.anomalies.total, 0);
  const recent = now.anomalies.recent.slice(0, 8);
  $("anomalies").replaceChildren(...recent.map(anomaly));
  $("now-said").textContent = recent.length === 0 ? "Nothing was found yet: cause some trouble above." : "";
}

function anomaly(found) {
  const line = document.createElement("li");
  const reason = document.createElement("b");
  reason.textContent = found.reason.replaceAll("_", " ");
  const when = new Date(found.at * 1000).toLocaleTimeString();
  const times = found.count > 1 ? `, ${found.count} times` : "";
  line.append(`${when} `, reason, ` at ${found.endpoint}${times}`);
  return line;
}

// --- Buttons

// One press at a time: a button waits for its own answer.
async function run(button, deed) {
  button.setAttribute("aria-busy", "true");
  button.disabled = true;
  try {
    await deed();
  } catch {
    say("work-said", "The service does not answer.", "bad");
  } finally {
    button.removeAttribute("aria-busy");
    button.disabled = button.classList.contains("account") && user === null;
  }
}

function press(button, deed) {
  button.addEventListener("click", () => run(button, deed));
}

for (const [id, deed] of Object.entries(account)) press($(id), deed);
for (const button of document.querySelectorAll("[data-do]")) press(button, deeds[button.dataset.do]);
$("sign").addEventListener("submit", (event) => {
  event.preventDefault();
  run($("sign-in"), () => sign(false));
});
$("forecast").addEventListener("submit", (event) => {
  event.preventDefault();
  const years = $("forecast").years.valueAsNumber;
  run(event.submitter ?? $("forecast").querySelector("button"), () => work("POST", "/forecasts", { years }, forecast));
});
$("forecast").years.addEventListener("input", (event) => {
  const years = event.target.valueAsNumber;
  $("price").textContent = Number.isInteger(years) && years > 0 ? `${years * PRICE_A_YEAR} credits` : "";
});

showUser().catch(() => say("account-said", "The service does not answer.", "bad"));
if (HERE) {
  look();
  setInterval(look, 2000);
} else {
  $("now-said").textContent = "The numbers are on an address of their own: follow the links at the top.";
}
