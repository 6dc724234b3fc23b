// The heavy half of Markdown.tsx.
import ReactMarkdown, { type Components } from "react-markdown";
import remarkGfm from "remark-gfm";
import { Button, useCopy } from "./Parts";
import css from "./Markdown.module.css";

const WEB = /^(https?:|mailto:)/i;

const components: Components = {
  a: ({ href, children }) =>
    href && WEB.test(href) ? (
      <a href={href} target="_blank" rel="noreferrer noopener nofollow" title={href}>{children}</a>
    ) : (
      <span title={href}>{children}</span>
    ),
  img: ({ src, alt }) => <span className={css.image}>[image: {alt || "no description"}{typeof src === "string" && src ? ` – ${src}` : ""}]</span>,
  pre: ({ children, node }) => {
    const code = node?.children[0];
    const text = code && "children" in code ? code.children.map((one) => ("value" in one ? one.value : "")).join("") : "";
    return <Code text={text}>{children}</Code>;
  },
};

function Code({ text, children }: { text: string; children: React.ReactNode }) {
  const [copied, copy] = useCopy(text);
  return (
    <div className={css.code}>
      <pre tabIndex={0}>{children}</pre>
      <Button look="quiet" onClick={copy} className={css.copy}>{copied ? "Copied" : "Copy"}</Button>
    </div>
  );
}

const PLUGINS = [remarkGfm];

export default function MarkdownText({ text }: { text: string }) {
  return (
    <div className={css.markdown} dir="auto">
      <ReactMarkdown remarkPlugins={PLUGINS} components={components} urlTransform={(url) => url}>{text}</ReactMarkdown>
    </div>
  );
}
