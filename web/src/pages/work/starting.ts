// The dialog that starts work, as the address says it: what is to be started, until that is sent; opened anew it is no start
// any more. The way back closes it.
import { useEffect, useRef } from "react";
import { useDialogParameter, useQueryParameter } from "../../navigation";

const SENT = "sent";

export interface Starting {
  /** What is started, also while the dialog follows what was sent; empty while there is no dialog. */
  what: string;
  isSent: boolean;
  open: (what: string) => void;
  /** What is started is another thing now, or is asked for once more. */
  follow: (what: string) => void;
  sent: () => void;
  close: () => void;
}

export function useStarting(name: string): Starting {
  const [value, set] = useDialogParameter(name);
  const [, follow] = useQueryParameter(name);
  const [, setBranch] = useQueryParameter("branch");
  const before = useRef("");
  const isSent = value === SENT && before.current !== "";
  useEffect(() => {
    if (value === SENT && !isSent) follow("");
    else if (value !== SENT) before.current = value;
  }, [value, isSent, follow]);
  return {
    what: isSent ? before.current : value === SENT ? "" : value,
    isSent,
    open: set,
    follow,
    sent: () => follow(SENT),
    close: () => {
      (isSent ? follow : set)("");
      setBranch("");
    },
  };
}
