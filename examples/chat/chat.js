// The client of the chat. The browser sends its cookies with the handshake, so there is no token here either.

const byId = (id) => document.getElementById(id);
const ENDED = 4401; // the close code of a session that has ended

let socket = null;

async function call(method, path, body) {
  const options = { method };
  if (body !== undefined) {
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(body);
  }
  const response = await fetch(path, options).catch(() => {
    throw new Error("The server does not answer.");
  });
  const envelope = await response.json();
  if (!response.ok) throw new Error(envelope.message);
  return envelope.data;
}

// A browser's WebSocket does not tell a 401 from a server that is down: ask over HTTP who one is first.
async function connect() {
  let user;
  try {
    user = await call("GET", "/auth/me");
  } catch {
    show(null);
    return;
  }
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  socket = new WebSocket(`${scheme}://${location.host}/chat`);
  socket.addEventListener("open", () => show(user));
  socket.addEventListener("message", (event) => add(JSON.parse(event.data)));
  socket.addEventListener("close", (event) => {
    show(null, event.code === ENDED ? "Your session has ended." : "Disconnected.");
    if (event.code !== ENDED && event.code !== 1000) setTimeout(connect, 2000);
  });
}

function show(user, said = "Not connected") {
  byId("entrance").hidden = user !== null;
  byId("inside").hidden = user === null;
  byId("state").textContent = user === null ? said : `Connected as ${user.identifier}`;
  if (user === null) byId("messages").replaceChildren();
}

function add(message) {
  const line = document.createElement("li");
  const who = document.createElement("strong");
  who.textContent = message.from;
  line.append(who, ` ${message.text}`);
  byId("messages").append(line);
  line.scrollIntoView({ block: "nearest" });
}

async function enter(registering) {
  const body = { identifier: byId("identifier").value, password: byId("password").value };
  try {
    if (registering) await call("POST", "/auth/register", body);
    await call("POST", "/auth/login", body);
    byId("alert").hidden = true;
    byId("password").value = "";
    await connect();
  } catch (error) {
    byId("alert").hidden = false;
    byId("alert").textContent = error.message;
  }
}

byId("entrance").addEventListener("submit", (event) => {
  event.preventDefault();
  enter(false);
});
byId("register").addEventListener("click", () => {
  if (byId("entrance").reportValidity()) enter(true);
});
byId("talk").addEventListener("submit", (event) => {
  event.preventDefault();
  socket.send(byId("text").value);
  byId("text").value = "";
});
byId("logout").addEventListener("click", () => call("POST", "/auth/logout"));
byId("logout-all").addEventListener("click", () => call("POST", "/auth/logout-all"));

connect();
