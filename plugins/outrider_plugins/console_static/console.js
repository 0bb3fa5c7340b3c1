"use strict";
// Reads /api/integrations every two seconds. Everything is written as text, nothing as HTML.

const every = 2000;
const rows = document.getElementById("integrations");
const about = document.getElementById("about");
const alerts = document.getElementById("alerts");
let before = null;

function cell(row, text, kind) {
  const td = row.insertCell();
  td.textContent = text;
  if (kind) td.className = kind;
  return td;
}

function more(td, text) {
  if (!text) return;
  const span = document.createElement("span");
  span.className = "more";
  span.textContent = text;
  td.append(span);
}

function perSecond(now, integration) {
  const then = before && before.integrations.find((other) => other.name === integration.name);
  if (!then || now.uptime_s <= before.uptime_s) return "–";
  const rate = (integration.traffic.requests - then.traffic.requests) / (now.uptime_s - before.uptime_s);
  return rate >= 10 ? rate.toFixed(0) : rate.toFixed(1);
}

function waiting(td, jobs) {
  const states = jobs || {};
  td.textContent = (states.queued || 0) + (states.sending || 0) + (states.parked || 0);
  if (states.parked) more(td, `${states.parked} parked`);
  if (states.failed) {
    td.classList.add("bad");
    more(td, `${states.failed} failed`);
  }
}

function show(now, jobs) {
  const fresh = document.createElement("tbody");
  for (const one of now.integrations) {
    const row = fresh.insertRow();
    const name = cell(row, one.name, "name");
    more(name, one.purpose);
    const state = cell(row, one.routed ? one.status === "draft" ? "active" : one.status : "draft, no secret", "state");
    if (!one.routed) state.classList.add("asleep");
    if (one.breaker) {
      state.classList.add("bad");
      more(state, "breaker open");
    }
    if (one.incident) more(state, `its provider says: ${one.incident.name} (${one.incident.severity})`);
    const provider = cell(row, one.provider || one.base_url);
    more(provider, one.stack);
    const traffic = one.traffic;
    cell(row, traffic.requests, "number");
    cell(row, perSecond(now, one), "number");
    cell(row, traffic.in_flight, "number");
    cell(row, traffic.errors, traffic.errors ? "number bad" : "number");
    cell(row, traffic.mean_ms === null ? "–" : traffic.mean_ms, "number");
    const used = one.limit_used;
    cell(row, typeof used === "number" ? `${Math.round(100 * used)} %` : "–", used >= 0.8 ? "number bad" : "number");
    waiting(cell(row, "", "number"), jobs.counts[one.name]);
  }
  rows.replaceChildren(...fresh.rows);
  const trouble = now.draining ? "shutting down" : now.config_ok ? "" : "the file on disk was refused: see the log";
  about.textContent = trouble || `${now.version} · up ${Math.round(now.uptime_s)} s · ${now.config} · ${now.listeners.join(", ")}`;
  about.className = trouble ? "bad" : "";
  before = now;
}

function warn(now) {
  const fresh = document.createDocumentFragment();
  for (const one of now.alerts) {
    const item = document.createElement("li");
    item.textContent = `${one.integration}: ${one.text}`;
    item.className = one.severity;
    more(item, [`since ${new Date(one.starts_at).toLocaleTimeString()}`, one.incident && `its provider says: ${one.incident}`].filter(Boolean).join(" · "));
    fresh.append(item);
  }
  alerts.replaceChildren(fresh);
}

async function ask(path) {
  const answer = await fetch(path, { cache: "no-store" });
  if (!answer.ok) throw new Error(`answered ${answer.status}`);
  return answer.json();
}

async function refresh() {
  try {
    const asked = ["api/integrations", "api/alerts", "api/jobs?limit=1"].map(ask);
    const [integrations, on, jobs] = await Promise.all(asked);
    show(integrations, jobs);
    warn(on);
  } catch (error) {
    about.textContent = `Outrider does not answer (${error.message})`;
    about.className = "bad";
  }
  setTimeout(refresh, every);
}

refresh();
