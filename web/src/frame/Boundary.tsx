// A defect of one page does not take the frame away.
import { Component, type ReactNode } from "react";
import { Trouble } from "../parts/Parts";

export class Boundary extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };

  static getDerivedStateFromError(error: Error): { error: Error } {
    return { error };
  }

  override render(): ReactNode {
    const { error } = this.state;
    return error ? <Trouble whole problem={error} again={() => this.setState({ error: null })} /> : this.props.children;
  }
}
