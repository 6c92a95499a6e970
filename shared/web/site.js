// What pages gain from a script; without it every one of them still does its work.

const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

// A form keeps what was typed on this device until it is sent, so that a reload or a dead battery loses nothing.
for (const form of document.querySelectorAll("form[data-draft]")) {
  const kept = `draft ${location.pathname}${location.search}`;
  const fresh = !form.querySelector("[aria-invalid]");
  try {
    const draft = JSON.parse(localStorage.getItem(kept) ?? "null");
    if (fresh && draft) {
      for (const [name, value] of Object.entries(draft)) {
        const field = form.elements.namedItem(name);
        if (field?.type === "checkbox") field.checked = value !== null;
        else if (field && value !== null) field.value = value;
      }
    }
  } catch {}
  const keep = () => {
    const draft = Object.fromEntries([...form.querySelectorAll("[type=checkbox]")].map((box) => [box.name, null]));
    for (const [name, value] of new FormData(form)) draft[name] = value;
    try {
      localStorage.setItem(kept, JSON.stringify(draft));
    } catch {}
  };
  form.addEventListener("input", keep);
  form.addEventListener("submit", () => {
    if (navigator.onLine) localStorage.removeItem(kept);
  });
}

// Without a network nothing is sent, queued or lost: the page says so and stays as it is.
for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", (event) => {
    const told = document.getElementById("offline");
    if (told) told.hidden = navigator.onLine;
    if (navigator.onLine) return;
    event.preventDefault();
    told?.focus();
  });
}

// The running total of a form, as the server counts it.
for (const form of document.querySelectorAll("form[data-preview]")) {
  const sum = form.querySelector("[data-sum]");
  let asked = 0;
  const show = async () => {
    const mine = ++asked;
    await wait(250);
    if (mine !== asked) return;
    try {
      const answer = await fetch(form.dataset.preview, { method: "POST", body: new URLSearchParams(new FormData(form)) });
      const { mass } = await answer.json();
      if (mine !== asked) return;
      sum.hidden = mass === null;
      sum.lastElementChild.textContent = mass ?? "";
    } catch {}
  };
  form.addEventListener("input", show);
  show();
}

// A field that finds airports while one types: the pattern of a combobox with a list.
for (const field of document.querySelectorAll("input[data-search]")) {
  const list = document.createElement("ul");
  list.id = `${field.id}-found`;
  list.role = "listbox";
  list.className = "found";
  list.ariaLabel = field.labels[0].textContent;
  list.hidden = true;
  field.after(list);
  for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-controls": list.id }))
    field.setAttribute(name, value);
  let asked = 0;
  const choices = () => [...list.children];
  const close = () => {
    list.hidden = true;
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
  };
  const mark = (choice) => {
    for (const other of choices()) other.ariaSelected = String(other === choice);
    if (choice) field.setAttribute("aria-activedescendant", choice.id);
    choice?.scrollIntoView({ block: "nearest" });
  };
  const take = (choice) => {
    field.value = choice.dataset.value;
    close();
    field.dispatchEvent(new Event("input", { bubbles: true }));
    asked++;
  };
  field.addEventListener("input", async () => {
    const mine = ++asked;
    await wait(120);
    if (mine !== asked) return;
    try {
      const answer = await fetch(`${field.dataset.search}?q=${encodeURIComponent(field.value)}`);
      const found = answer.ok ? (await answer.json()).data : [];
      if (mine !== asked) return;
      list.replaceChildren(
        ...found.map(({ iata, text, name }, place) => {
          const choice = document.createElement("li");
          Object.assign(choice, { id: `${list.id}-${place}`, role: "option", textContent: `${text} · ${name}` });
          choice.dataset.value = text;
          choice.addEventListener("pointerdown", (event) => {
            event.preventDefault();
            take(choice);
          });
          return choice;
        }),
      );
      list.hidden = found.length === 0;
      field.setAttribute("aria-expanded", String(!list.hidden));
    } catch {
      close();
    }
  });
  field.addEventListener("keydown", (event) => {
    if (list.hidden) return;
    const place = choices().findIndex((choice) => choice.ariaSelected === "true");
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) mark(choices().at((place + step) % choices().length) ?? choices()[0]);
    else if (event.key === "Enter" && place >= 0) take(choices()[place]);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
  });
  field.addEventListener("blur", close);
  close();
}

// A page of something in motion follows it: what has changed takes the place of what stood there.
const moving = document.querySelector("[data-follow]");
if (moving) {
  const again = async () => {
    try {
      const answer = await fetch(location.href);
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (page.getElementById("main").innerHTML === document.getElementById("main").innerHTML) return;
      document.getElementById("main").replaceWith(page.getElementById("main"));
      document.querySelector(".steps")?.replaceWith(page.querySelector(".steps"));
      document.title = page.title;
      document.getElementById("told").textContent = document.querySelector("h1").textContent;
      if (!document.querySelector("[data-follow]")) stop();
    } catch {}
  };
  const events = moving.dataset.follow ? new EventSource(moving.dataset.follow) : null;
  const timer = setInterval(again, 2000);
  const stop = () => {
    events?.close();
    clearInterval(timer);
  };
  events?.addEventListener("order", again);
}
