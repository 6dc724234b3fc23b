// What helps, as the coordinator says it: what stands in it between backticks is a command.
export function Hint({ text }: { text: string }) {
  return <>{text.split("`").map((part, index) => (index % 2 === 1 ? <code key={index}>{part}</code> : part))}</>;
}
