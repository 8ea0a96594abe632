"use strict";
(() => {
  const MOST = 100;
  const at = (id) => document.getElementById(id);
  const say = (text) => { at("status").textContent = text; };
  const make = (tag, name, ...inside) => {
    const node = document.createElement(tag);
    if (name) node.className = name;
    node.append(...inside);
    return node;
  };
  const size = (bytes) => {
    const units = ["B", "kB", "MB", "GB", "TB"];
    let unit = 0;
    while (unit < 4 && bytes >= (unit ? 999.5 : 1000)) { bytes /= 1000; unit += 1; }
    return `${unit && bytes < 99.95 ? bytes.toFixed(1) : Math.round(bytes)} ${units[unit]}`;
  };
  const date = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 10);
  const href = (path) => "/binaries/" + encodeURIComponent(path).replaceAll("%2B", "+");
  const commands = (one) => {
    const url = location.origin + href(one.path);
    const file = one.path;
    if (one.platform === "windows") {
      return `Invoke-WebRequest '${url}' -OutFile '${file}'\n` +
        `if ((Get-FileHash '${file}' -Algorithm SHA256).Hash -ne '${one.checksum}') ` +
        `{ Remove-Item '${file}'; throw 'wrong SHA-256' }`;
    }
    const check = one.platform === "darwin" ? "shasum -a 256 -c" : "sha256sum -c";
    return `curl -fLO '${url}'\necho '${one.checksum}  ${file}' | ${check}\nchmod +x '${file}'`;
  };
  const copy = async (text, button) => {
    let copied = false;
    try {
      await navigator.clipboard.writeText(text);
      copied = true;
    } catch {
      // Without https there is no clipboard: the older way needs selected text.
      const area = make("textarea", "", text);
      document.body.append(area);
      area.select();
      copied = document.execCommand("copy");
      area.remove();
      button.focus();
    }
    button.textContent = copied ? "Copied" : "Select it";
    button.classList.toggle("done", copied);
    say(copied ? "Copied" : "The text could not be copied");
    setTimeout(() => { button.textContent = "Copy"; button.classList.remove("done"); }, 2000);
  };
  const command = (text, label) => {
    const button = make("button", "copy", "Copy");
    button.type = "button";
    button.setAttribute("aria-label", `Copy the commands for ${label}`);
    button.addEventListener("click", () => copy(text, button));
    return make("div", "command", make("pre", "", text), button);
  };
  const link = (one, name, text) => {
    const node = make("a", name, text);
    node.href = href(one.path);
    node.setAttribute("download", one.path);
    return node;
  };
  const get = async (url) => {
    const answer = await fetch(url, { headers: { accept: "application/json" } });
    if (!answer.ok) throw new Error(`${answer.status}`);
    return answer.json();
  };

  // --- for your machine ---

  const ARCHES = { arm: ["arm", "aarch64"], x86: ["x86", "x86_64"] };
  const guess = async () => {
    const agent = navigator.userAgent;
    const data = navigator.userAgentData;
    const word = `${data?.platform ?? ""} ${navigator.platform ?? ""} ${agent}`;
    if (/android|iphone|ipad/i.test(word)) return null;
    const platform = /windows|win32|win64/i.test(word) ? "windows"
      : /mac/i.test(word) ? "darwin" : /linux|x11/i.test(word) ? "linux" : null;
    if (!platform) return null;
    try {
      const high = await data.getHighEntropyValues(["architecture", "bitness"]);
      const arch = ARCHES[high.architecture]?.[high.bitness === "64" ? 1 : 0];
      if (arch) return `${platform}/${arch}`;
    } catch {
      // Only some browsers tell, and only over https.
    }
    if (/aarch64|arm64/i.test(word)) return `${platform}/aarch64`;
    if (/armv\d/i.test(word)) return `${platform}/arm`;
    if (/i[3-6]86/i.test(word)) return `${platform}/x86`;
    // All browsers on macOS say Intel; most machines have Apple's processor by now.
    return platform === "darwin" ? "darwin/aarch64" : `${platform}/x86_64`;
  };
  const newest = (all) => {
    const names = new Map();
    for (const one of all) {
      const best = names.get(one.name);
      // Versions come newest first; a pre-release counts only if there is nothing else.
      if (!best || (best.version.includes("-") && !one.version.includes("-"))) names.set(one.name, one);
    }
    return [...names.values()];
  };
  const card = (one, isWide, isOpen) => {
    const kind = isWide ? "card wide" : "card";
    const about = make("div", "", make("h3", "", `${one.name} ${one.version}`),
      make("p", "soft", `${date(one.uploaded_at)} · ${size(one.size_bytes)}`));
    const top = make("div", "top", about, link(one, "button", "Download"));
    const digest = make("p", "digest", "SHA-256 ", make("code", "", one.checksum));
    const inside = make("div", "commands", command(commands(one), `${one.name} ${one.version}`));
    if (isOpen) return make("article", kind, top, digest, inside);
    const details = make("details", "", make("summary", "soft", "Commands and digest"), digest, inside);
    return make("article", kind, top, details);
  };
  const show = async (place) => {
    const [platform, arch] = place.split("/");
    const found = newest(await get(`/api/binaries?platform=${platform}&arch=${arch}`));
    const shown = found.slice(0, 6);
    const isFew = found.length < 3;
    const cards = shown.map((one, number) => card(one, isFew, isFew && number === 0));
    if (found.length > shown.length) {
      cards.push(make("p", "soft", `${found.length - shown.length} more names are in the list below.`));
    }
    at("cards").replaceChildren(...cards);
  };
  const machine = async () => {
    const select = at("place");
    const places = [...select.options].map((option) => option.value);
    if (!places.length) return;
    const own = await guess();
    let place = own;
    if (own === "darwin/aarch64" && !places.includes(own)) place = "darwin/x86_64";
    if (!places.includes(place)) {
      at("for").textContent = own ? `Nothing for ${own.replace("/", " ")} yet` : "Newest versions";
      place = places.includes("linux/x86_64") ? "linux/x86_64" : places[0];
    }
    select.value = place;
    select.addEventListener("change", () => {
      at("for").textContent = "Newest versions";
      show(select.value).catch(failed);
    });
    await show(place);
    at("machine").hidden = false;
  };

  // --- the list ---

  let everything = null;
  const load = () => (everything ??= get("/index.json").then(({ binaries }) => binaries.map((one) => [
    `${one.name} ${one.version} ${one.platform} ${one.arch} ${one.path} ${one.checksum}`.toLowerCase(),
    one,
  ])).catch((error) => { everything = null; throw error; }));
  const cell = (name, ...inside) => make("td", name, ...inside);
  const row = (one) => {
    const when = make("time", "", date(one.uploaded_at));
    when.dateTime = when.textContent;
    return enhance(make("tr", "",
      cell("name", one.name), cell("version", one.version),
      cell("platform", `${one.platform} ${one.arch}`), cell("size", size(one.size_bytes)),
      cell("date", when),
      cell("file", link(one, "", one.path), make("code", "digest", one.checksum))));
  };
  const enhance = (tr) => {
    const one = {
      path: tr.querySelector("a").textContent,
      checksum: tr.querySelector("code").textContent,
      platform: tr.querySelector(".platform").textContent.split(" ")[0],
    };
    const button = make("button", "", "Commands");
    button.type = "button";
    button.setAttribute("aria-expanded", "false");
    button.setAttribute("aria-label", `Commands for ${one.path}`);
    let open = null;
    button.addEventListener("click", () => {
      if (open) {
        open.remove();
        open = null;
      } else {
        const wide = cell("", command(commands(one), one.path));
        wide.colSpan = 7;
        open = make("tr", "open", wide);
        tr.after(open);
      }
      button.setAttribute("aria-expanded", String(Boolean(open)));
    });
    tr.append(cell("act", button));
    return tr;
  };
  const body = document.querySelector("tbody");
  const first = body ? [...body.rows] : [];
  let asked = 0;
  const search = async (most = MOST) => {
    const mine = ++asked;
    const words = at("q").value.toLowerCase().split(/\s+/).filter(Boolean);
    const is = words.length > 0;
    at("pages").hidden = is;
    if (!is && !start) {
      body.replaceChildren(...first);
      at("more").hidden = true;
      at("none").hidden = true;
      say("");
      return;
    }
    const all = await load();
    if (mine !== asked) return;
    const found = all.filter(([text]) => words.every((word) => text.includes(word)));
    body.replaceChildren(...found.slice(0, most).map(([, one]) => row(one)));
    at("none").hidden = found.length > 0;
    at("more").hidden = found.length <= most;
    at("more").onclick = () => search(most + MOST).catch(failed);
    say(`${found.length} of ${all.length} files`);
  };
  const failed = (error) => say(`The list could not be loaded (${error.message})`);
  const start = body && at("q").value;
  if (body) {
    first.forEach(enhance);
    document.querySelector("thead tr").append(make("th", "", ""));
    let timer = 0;
    at("q").addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => search().catch(failed), 120);
    });
    at("search").addEventListener("submit", (event) => {
      event.preventDefault();
      search().catch(failed);
    });
    document.addEventListener("keydown", (event) => {
      const typing = /^(input|select|textarea)$/i.test(event.target.tagName ?? "");
      if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        at("q").focus();
        at("q").select();
      } else if (event.key === "Escape" && event.target === at("q")) {
        at("q").value = "";
        search().catch(failed);
      }
    });
    at("go").hidden = true;
    at("key").hidden = false;
    at("noscript")?.remove();
    machine().catch(failed);
  }
})();
