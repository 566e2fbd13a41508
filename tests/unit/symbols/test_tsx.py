"""The symbols of TSX."""

from __future__ import annotations

from inline_snapshot import snapshot
from symbol_table import definitions, references, sample


def test_definitions_are_found_with_their_signatures_and_documentation() -> None:
    assert definitions(sample("sample.tsx")) == snapshot(
        [
            "3-6 interface Props | interface Props",
            "  4-4 field Props.title | title: string",
            "  5-5 field Props.onClose | onClose?: () => void",
            "9-21 function Dialog | export const Dialog: FC<Props> = ({ title, onClose }) => | Shows a",
            "      dialog.",
            "  11-14 function Dialog.close | const close = () =>",
            "24-26 variable Cached | export const Cached = React.memo(function Cached(props: Props) {… |",
            "      Remembers its result.",
            "28-28 variable Forwarded | export const Forwarded = forwardRef<HTMLDivElement, Props>((props,",
            "      ref) => <div ref={ref} />)",
            "30-32 function App | export default function App(): JSX.Element",
            "34-42 class Boundary | export class Boundary extends React.Component<Props, State>",
            "  35-35 field Boundary.state | state: State = { failed: false }",
            "  37-37 method Boundary.getDerivedStateFromError | static getDerivedStateFromError = () =>",
            "  39-41 method Boundary.render | render()",
        ]
    )


def test_references_are_the_names_used() -> None:
    assert references(sample("sample.tsx")) == snapshot(
        [
            ": React:1 useState:1 FC:1",
            "Dialog: FC:9 Props:9 useState:10",
            "Dialog.close: setOpen:12 onClose:13",
            "Dialog: Modal:16 Frame:16 Header:17 Modal:19 Frame:19",
            "Cached: React:24 memo:24 Cached:24 Props:24 Dialog:25",
            "Forwarded: forwardRef:28 HTMLDivElement:28 Props:28",
            "App: JSX:30 Element:30 Dialog:31 Cached:31",
            "Boundary: React:34 Component:34 Props:34 State:34",
            "Boundary.state: State:35",
            "Boundary.render: Sorry:40",
        ]
    )
