// The client of the example. It handles no token: the browser carries them in cookies, and the server renews them on
// the way of any request. What is read here, from the cookie that scripts may read, is for display alone.

const byId = (id) => document.getElementById(id);

// --- talking to the server

async function call(method, path, body) {
  const options = { method, credentials: "same-origin" };
  if (body !== undefined) {
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(body);
  }
  const response = await fetch(path, options).catch(() => {
    throw new Error("The server does not answer. Try again in a moment.");
  });
  const envelope = await response.json();
  if (!response.ok) throw Object.assign(new Error(envelope.message), { status: response.status });
  return envelope.data;
}

// --- the access token, as far as a page may see it

function accessToken() {
  const cookie = document.cookie.split("; ").find((pair) => pair.startsWith("access_token="));
  if (!cookie) return null;
  try {
    const payload = cookie.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(payload), (letter) => letter.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null; // a cookie of this name that is no token
  }
}

// --- what the page knows

let session = null; // what the server said last: {user, session}; null while nobody is logged in
let shown = null; // the access token that is on display
let renewals = 0;
let asking = false;
let patience = 0; // no asking before this moment: the server did not answer

async function ask() {
  if (asking) return;
  asking = true;
  try {
    enter(await call("GET", "/api/session"));
    complain("session-error", null);
    patience = 0;
  } catch (error) {
    if (error.status === 401) {
      leave(session ? error.message : "");
    } else {
      patience = Date.now() + 5000;
      if (session) complain("session-error", error.message);
      else leave(error.message);
    }
  } finally {
    asking = false;
  }
}

function enter(found) {
  const fresh = session?.session !== found.session;
  session = found;
  if (fresh) {
    shown = null;
    renewals = 0;
    byId("log").replaceChildren();
    note(`Logged in as ${found.user.identifier}.`);
  }
  byId("who").textContent = found.user.identifier;
  byId("user-identifier").textContent = found.user.identifier;
  byId("user-roles").textContent = found.user.roles.join(", ") || "none";
  byId("user-id").textContent = found.user.id;
  byId("session-id").textContent = found.session;
  show("inside");
  tick();
}

function leave(message) {
  session = null;
  shown = null;
  byId("notice").textContent = message;
  byId("notice").hidden = !message;
  show("entrance");
}

function show(view) {
  const changes = byId(view).hidden;
  for (const name of ["entrance", "inside"]) byId(name).hidden = name !== view;
  byId("who").hidden = view !== "inside";
  if (changes && view === "entrance") byId("identifier").focus();
}

// Once a second: show the token, and notice what happened to the cookie, here or in another tab. A cookie lives as long
// as its token, so one that is gone means "expired" or "logged out": the server knows which.
function tick() {
  const token = accessToken();
  if (token && session && token.jti !== shown?.jti) {
    if (shown) {
      renewals += 1;
      note("The access token had expired: the server renewed it on the way of a request.");
    }
    shown = token;
  }
  byId("renewals").textContent = renewals;
  byId("token-id").textContent = shown ? shown.jti : "–";
  const left = shown ? Math.max(0, shown.exp - Date.now() / 1000) : 0;
  byId("left").textContent = duration(left);
  byId("arc").setAttribute("stroke-dasharray", `${shown ? (100 * left) / (shown.exp - shown.iat) : 0} 100`);
  const changed = session ? !token || token.sid !== session.session : Boolean(token);
  if (changed && Date.now() >= patience) ask();
}

function duration(seconds) {
  const whole = Math.ceil(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

function note(text) {
  const entry = document.createElement("li");
  const time = document.createElement("time");
  time.textContent = new Date().toLocaleTimeString("en-GB");
  entry.append(time, ` ${text}`);
  byId("log").prepend(entry);
  while (byId("log").children.length > 8) byId("log").lastChild.remove();
}

function complain(id, message) {
  byId(id).textContent = message ?? "";
  byId(id).hidden = !message;
}

// --- what the user does

function onSubmit(form, act) {
  byId(form).addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = event.target.querySelector("button");
    button.disabled = true;
    complain(`${form}-error`, null);
    try {
      await act(Object.fromEntries(new FormData(event.target)));
      event.target.reset();
    } catch (error) {
      complain(`${form}-error`, error.message);
    } finally {
      button.disabled = false;
    }
  });
}

function onClick(id, act) {
  byId(id).addEventListener("click", async () => {
    complain("session-error", null);
    try {
      await act();
    } catch (error) {
      if (error.status === 401) leave(error.message);
      else complain("session-error", error.message);
    }
  });
}

let registering = false;

onSubmit("credentials", async ({ identifier, password }) => {
  if (registering) await call("POST", "/auth/register", { identifier, password, roles: ["user"] });
  await call("POST", "/auth/login", { identifier, password });
  entranceIs(false);
  await ask();
});

onSubmit("change", async ({ currentPassword, newPassword }) => {
  await call("PATCH", "/auth/me/password", { currentPassword, newPassword });
  leave("The password was changed, and every session was ended. Log in with the new one.");
});

onClick("ask", async () => {
  await ask();
  if (session) note(`The server says: you are ${session.user.identifier}.`);
});

onClick("logout", async () => {
  await call("POST", "/auth/logout");
  leave("You are logged out.");
});

onClick("logout-all", async () => {
  await call("POST", "/auth/logout-all");
  leave("You are logged out everywhere.");
});

function entranceIs(register) {
  registering = register;
  byId("entrance-title").textContent = register ? "Register" : "Log in";
  byId("enter").textContent = register ? "Register and log in" : "Log in";
  byId("switch-text").textContent = register ? "Have an account?" : "No account yet?";
  byId("switch").textContent = register ? "Log in" : "Register";
  byId("password").autocomplete = register ? "new-password" : "current-password";
  byId("password-hint").hidden = !register;
  complain("credentials-error", null);
}

byId("switch").addEventListener("click", () => entranceIs(!registering));

await ask();
setInterval(tick, 1000);
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && tick());
