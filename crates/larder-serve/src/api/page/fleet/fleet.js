"use strict";
(() => {
  const PARTS = ["counted", "versions", "rollouts", "list", "timeline"];
  const KINDS = ["node_enrolled", "node_changed", "node_state", "node_running", "node_denied",
    "node_lifted", "node_drained", "node_undrained", "node_pinned", "node_removed",
    "channel_moved", "rollout_state", "rollout_step", "member_phase", "gap"];
  const at = (id) => document.getElementById(id);
  const say = (text, name) => { at("live").textContent = text; at("live").className = `soft ${name}`; };
  const ago = (time) => {
    const passed = Math.max(0, Math.round((Date.now() - time) / 1000));
    if (passed < 60) return `${passed} s ago`;
    if (passed < 3600) return `${Math.floor(passed / 60)} min ago`;
    if (passed < 172800) return `${Math.floor(passed / 3600)} h ago`;
    return `${Math.floor(passed / 86400)} days ago`;
  };
  const times = () => {
    for (const one of document.querySelectorAll("time")) {
      const time = new Date(one.dateTime);
      one.textContent = ago(time);
      one.title = time.toLocaleString();
    }
  };
  const enhance = () => {
    for (const button of document.querySelectorAll("button[data-verb]")) button.hidden = false;
    times();
  };
  const token = () => sessionStorage.getItem("larder-token");
  const headers = () => (token() ? { Authorization: `Bearer ${token()}` } : {});

  let loading = false;
  let again = false;
  let last = 0;
  let timer = 0;
  const load = async () => {
    if (loading) { again = true; return; }
    loading = true;
    last = Date.now();
    try {
      const answer = await fetch(location.pathname + location.search, { headers: headers() });
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const open = [...document.querySelectorAll("details[open]")].map((one) => one.id);
      const focus = document.activeElement?.dataset?.verb &&
        `button[data-verb="${document.activeElement.dataset.verb}"]` +
        `[data-rollout="${document.activeElement.dataset.rollout}"]`;
      const scrolled = document.querySelector(".timeline")?.scrollTop ?? 0;
      for (const id of PARTS) {
        const next = page.getElementById(id);
        if (next && next.innerHTML !== at(id).dataset.was) {
          const was = next.innerHTML;
          at(id).replaceChildren(...next.childNodes);
          at(id).dataset.was = was;
        }
      }
      for (const id of open) { if (id && at(id)) at(id).open = true; }
      const timeline = document.querySelector(".timeline");
      if (timeline) timeline.scrollTop = scrolled;
      enhance();
      if (focus) document.querySelector(focus)?.focus();
    } catch (error) {
      say(`The page could not be loaded again (${error.message})`, "off");
    } finally {
      loading = false;
      if (again) { again = false; soon(); }
    }
  };
  // However much happens, the page is loaded once per second at most.
  const soon = () => {
    if (timer) return;
    timer = setTimeout(() => { timer = 0; load(); }, Math.max(100, last + 1000 - Date.now()));
  };

  const login = (why) => new Promise((done) => {
    at("why").textContent = why;
    at("token").value = "";
    at("login").showModal();
    at("login").onclose = () => {
      const given = at("login").returnValue === "ok" ? at("token").value.trim() : "";
      at("token").value = "";
      if (given) sessionStorage.setItem("larder-token", given);
      done(Boolean(given));
    };
  });
  const steer = async (id, verb) => {
    for (;;) {
      const answer = await fetch(`/api/rollouts/${encodeURIComponent(id)}/${verb}`,
        { method: "POST", headers: headers() });
      if (answer.ok) return load();
      const problem = await answer.json().catch(() => ({}));
      const detail = problem.detail ?? `status ${answer.status}`;
      if (answer.status !== 401 && answer.status !== 403) throw new Error(detail);
      sessionStorage.removeItem("larder-token");
      if (!await login(detail)) return undefined;
    }
  };
  document.addEventListener("click", (event) => {
    const { verb, rollout } = event.target.dataset ?? {};
    if (!verb || !rollout) return;
    if (verb === "abort" && !confirm(`End the rollout ${rollout}? Its nodes follow the channel again.`)) return;
    event.target.disabled = true;
    steer(rollout, verb)
      .catch((error) => say(`${verb}: ${error.message}`, "off"))
      .finally(() => { event.target.disabled = false; });
  });

  enhance();
  setInterval(times, 1000);
  // Heartbeats are no events.
  setInterval(() => { if (!document.hidden) load(); }, 10000);
  const events = new EventSource(`/api/events?after=${document.body.dataset.latest}`);
  events.onopen = () => say("Live", "on");
  events.onerror = () => say("The connection to the server is interrupted; it is tried again", "off");
  for (const kind of KINDS) events.addEventListener(kind, soon);
})();
