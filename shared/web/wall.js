// The live wall takes each snapshot as it comes, and can be paused. Who listens instead of looking is told once a minute.

const wall = document.querySelector("[data-wall]");
const button = document.getElementById("pause");
const told = document.getElementById("told");
const lost = document.getElementById("lost");
let waiting = null;

const paused = () => button.getAttribute("aria-pressed") === "true";
const show = () => {
  if (waiting === null || paused()) return;
  wall.innerHTML = waiting;
  waiting = null;
};
const tell = () => {
  if (!paused()) told.textContent = wall.querySelector("[data-summary]").textContent;
};

button.hidden = false;
button.addEventListener("click", () => {
  button.setAttribute("aria-pressed", String(!paused()));
  show();
});

// The browser connects again by itself, and says then which snapshot it has.
const events = new EventSource(wall.dataset.wall);
events.addEventListener("wall", (event) => {
  waiting = event.data;
  show();
});
events.addEventListener("open", () => (lost.hidden = true));
events.addEventListener("error", () => (lost.hidden = false));
setInterval(tell, 60_000);
