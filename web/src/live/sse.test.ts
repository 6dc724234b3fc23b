// The stream's bytes become frames, however the network cuts them.
import { expect, test } from "vitest";
import { frameReader } from "./sse";

const TEXT = ': ping\n\nretry: 1000\n\nevent: ready\ndata: {"cursor":"7"}\n\nid: 8\nevent: of_tomorrow\ndata: {"a":"ä"}\n\n';
const FRAMES = [
  { id: "", type: "ready", data: '{"cursor":"7"}' },
  { id: "8", type: "of_tomorrow", data: '{"a":"ä"}' },
];

test.each([1, 2, 3, 7, 1000])("frames are whole when %i characters come at once", (length) => {
  const read = frameReader();
  const found = [];
  for (let from = 0; from < TEXT.length; from += length) found.push(...read(TEXT.slice(from, from + length)));
  expect(found).toEqual(FRAMES);
});

test("what is not whole is no frame", () => {
  expect(frameReader()("id: 9\nevent: note\ndata: {}")).toEqual([]);
});
