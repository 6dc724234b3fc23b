// What a page may try against another address: each attack answers with what it got to see, or "nothing".
// Every attack ends by an event of the browser; none waits for time to pass.

const RUN = '{"type":"start_session","prompt":"stolen","executor_type":"scripted"}';
const HALVES = ['{"type":"start_session","prompt":"stolen","executor_type":"scripted","title":"', '"}'];
const NOTHING = "nothing";

function insert(kind, attributes) {
  const made = Object.assign(document.createElement(kind), attributes);
  document.body.append(made);
  return made;
}

function ended(made, happy, sad) {
  return new Promise((resolve) => {
    made[happy] = () => resolve(true);
    made[sad] = () => resolve(false);
  });
}

function inside(frame) {
  try {
    return frame.contentDocument?.documentElement.outerHTML ?? NOTHING;
  } catch {
    return NOTHING;
  }
}

async function framed(url) {
  const frame = document.createElement("iframe");
  const loaded = ended(frame, "onload", "onerror");
  frame.src = url;
  document.body.append(frame);
  await loaded;
  return inside(frame);
}

async function posted(target, enctype) {
  const frame = insert("iframe", { name: "answer" + Math.random() });
  const form = insert("form", { method: "POST", action: target + "/runs", enctype, target: frame.name });
  form.append(Object.assign(document.createElement("input"), { name: HALVES[0], value: HALVES[1] }));
  const loaded = ended(frame, "onload", "onerror");
  form.submit();
  await loaded;
  return inside(frame);
}

async function fetched(url, options) {
  try {
    const answer = await fetch(url, { credentials: "include", ...options });
    return answer.type === "opaque" ? NOTHING : `${answer.status} ${await answer.text()}`;
  } catch {
    return NOTHING;
  }
}

const json = (token) => ({ "Content-Type": "application/json", Authorization: `Bearer ${token}` });

const attacks = {
  form: (target) => posted(target, "application/x-www-form-urlencoded"),
  "form that is JSON": (target) => posted(target, "text/plain"),
  "fetch of text": (target) =>
    fetched(target + "/runs", { method: "POST", body: RUN, headers: { "Content-Type": "text/plain" } }),
  "fetch of JSON": (target) =>
    fetched(target + "/runs", { method: "POST", body: RUN, headers: { "Content-Type": "application/json" } }),
  "fetch without CORS": (target) => fetched(target + "/runs", { method: "POST", mode: "no-cors", body: RUN }),
  "read without CORS": (target) => fetched(target + "/sessions", { mode: "no-cors" }),
  read: (target) => fetched(target + "/sessions"),
  "read with the token": (target, token) => fetched(target + "/sessions", { headers: json(token) }),
  "run with the token": (target, token) =>
    fetched(target + "/runs", { method: "POST", body: RUN, headers: json(token) }),
  "removal with the token": (target, token) =>
    fetched(target + "/sessions/ses_00000000000000000000000000", { method: "DELETE", headers: json(token) }),
  image: async (target) => {
    const image = new Image();
    const shown = ended(image, "onload", "onerror");
    image.src = target + "/sessions";
    return (await shown) ? "an image" : NOTHING;
  },
  script: async (target) => {
    const script = document.createElement("script");
    const run = ended(script, "onload", "onerror");
    script.src = target + "/sessions";
    document.body.append(script);
    return (await run) ? "a script" : NOTHING;
  },
  "event source": async (target) => {
    const source = new EventSource(target + "/sse/sessions?after=0", { withCredentials: true });
    const opened = await ended(source, "onopen", "onerror");
    source.close();
    return opened ? "a stream" : NOTHING;
  },
  "web socket": async (target) => {
    const socket = new WebSocket(target.replace("http", "ws") + "/sse/sessions");
    return (await ended(socket, "onopen", "onerror")) ? "a socket" : NOTHING;
  },
  "frame of the dashboard": (target) => framed(target + "/ui/"),
  "frame of the root": (target) => framed(target + "/"),
  "frame of the data": (target) => framed(target + "/sessions"),
};
