import React, { useState, type FC } from "react";

interface Props {
  title: string;
  onClose?: () => void;
}

/** Shows a dialog. */
export const Dialog: FC<Props> = ({ title, onClose }) => {
  const [open, setOpen] = useState<boolean>(true);
  const close = () => {
    setOpen(false);
    onClose?.();
  };
  return (
    <Modal.Frame visible={open}>
      <Header<string> text={title} />
      <button onClick={close}>x</button>
    </Modal.Frame>
  );
};

// Remembers its result.
export const Cached = React.memo(function Cached(props: Props) {
  return <Dialog {...props} />;
});

export const Forwarded = forwardRef<HTMLDivElement, Props>((props, ref) => <div ref={ref} />);

export default function App(): JSX.Element {
  return <><Dialog title="a" /><Cached title="b" /></>;
}

export class Boundary extends React.Component<Props, State> {
  state: State = { failed: false };

  static getDerivedStateFromError = () => ({ failed: true });

  render() {
    return this.state.failed ? <Sorry /> : this.props.children;
  }
}
