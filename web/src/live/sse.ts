// Server-sent events out of the bytes of an answer. Unlike EventSource it hands on types that nobody has named before,
// and lets its reader see why a stream was refused. Pure: knows no connection.

export interface Frame {
  id: string;
  type: string;
  data: string;
}

/** Returns a function that takes text as it comes and gives the frames that are whole. */
export function frameReader(): (text: string) => Frame[] {
  let rest = "";
  let id = "";
  let type = "";
  let data: string[] = [];

  function take(line: string, frames: Frame[]): void {
    if (line === "") {
      if (data.length > 0) frames.push({ id, type: type || "message", data: data.join("\n") });
      id = "";
      type = "";
      data = [];
      return;
    }
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "id") id = value;
    else if (name === "event") type = value;
    else if (name === "data") data.push(value);
  }

  return (text) => {
    const frames: Frame[] = [];
    const lines = (rest + text).split(/\r\n|\n|\r/);
    rest = lines.pop() ?? "";
    for (const line of lines) take(line, frames);
    return frames;
  };
}
