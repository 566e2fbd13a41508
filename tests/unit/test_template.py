import resource
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from codeagent.inference.client import BadRequestError, ModelLoadError
from codeagent.inference.engine.template import CHATML, Template, TemplateRefusedError

HELLO = [{"role": "user", "content": "hello"}]


def template(source: str) -> Template:
    return Template(source, {"bos_token": "<s>", "eos_token": "</s>"}, datetime(2026, 2, 3, tzinfo=UTC))


def render(source: str) -> str:
    return template(source).render(HELLO, None)


def test_messages_special_tokens_and_the_generation_prompt_are_there() -> None:
    source = "{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m['content'] }}{{ eos_token }}{% endfor %}"
    assert render(source + "{% if add_generation_prompt %}>{% endif %}") == "<s>user: hello</s>>"
    assert template("{{ add_generation_prompt }}").render(HELLO, None, generation=False) == "False"


def test_block_lines_leave_no_white_space_as_in_transformers() -> None:
    assert render("{% for m in messages %}\n    {% if true %}\nx\n    {% endif %}\n{% endfor %}\n") == "x\n"


def test_tojson_keeps_letters_and_signs_as_they_are() -> None:
    assert render("{{ {'a': '<ä> & \"q\"'} | tojson }}") == '{"a": "<ä> & \\"q\\""}'
    assert render("{{ [1] | tojson(indent=2) }}") == "[\n  1\n]"


def test_the_clock_of_a_template_stands_still() -> None:
    assert render("{{ strftime_now('%d %b %Y') }}") == "03 Feb 2026"


def test_break_continue_and_generation_marks_work() -> None:
    source = (
        "{% for n in range(9) %}{% if n == 1 %}{% continue %}{% endif %}{% if n > 2 %}{% break %}{% endif %}{{ n }}"
    )
    assert render(source + "{% endfor %}{% generation %}!{% endgeneration %}") == "02!"


@pytest.mark.case(40)
def test_chatml_stands_in_for_a_missing_template() -> None:
    assert render(CHATML) == "<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n"


@pytest.mark.case(40)
def test_what_a_template_refuses_is_told_in_its_own_words() -> None:
    with pytest.raises(TemplateRefusedError, match="roles must alternate"):
        render("{{ raise_exception('roles must alternate') }}")


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ cycler.__init__.__globals__.os.popen('touch MARKER').read() }}",
        "{{ self.__init__.__globals__.__builtins__.__import__('os').system('touch MARKER') }}",
        "{{ ''|attr('__class__') }}",
        "{{ raise_exception.__globals__['json'].codecs.open('MARKER', 'w') }}",
        "{{ messages.append(1) }}",
        "{{ messages[0].update({'content': 'x'}) }}",
        "{{ '{0.__class__.__init__.__globals__}'.format(messages) }}",
    ],
)
@pytest.mark.case(40)
def test_a_template_reaches_nothing_outside_itself(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    messages = [dict(m) for m in HELLO]
    try:
        text = template(source).render(messages, None)
    except (BadRequestError, ModelLoadError) as error:
        assert "\n" not in str(error)
    else:
        assert text == "" or "class" not in text
    assert messages == HELLO
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in range(10000000000) %}{% endfor %}",
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
        "{% for i in range(99999) %}{% for j in range(99999) %}{{ 'x' }}{% endfor %}{% endfor %}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{{ 'x' * 10000000000 }}",
        "{{ [0] * 10000000000 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{% set n = namespace(x=9) %}{% for i in range(99) %}{% set n.x = n.x * n.x %}{% endfor %}{{ n.x }}",
        "{% set n = namespace(x='x') %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
        "{% set n = namespace(x='x') %}{% for i in range(60) %}{% set n.x = n.x + n.x %}{% endfor %}",
        "{{ 'x'.ljust(100000000000) }}",
        "{{ 'x' | center(100000000000) }}",
        "{{ '%100000000000d' % 1 }}",
        "{{ 1 / 0 }}",
        "{{ messages[5].content }}",
        "{{ nothing.at.all }}",
        "{% if %}",
        "{% include '/etc/passwd' %}",
    ],
)
@pytest.mark.case(40)
def test_a_template_that_would_not_end_or_fails_is_an_error_in_bounded_time(source: str) -> None:
    limit = resource.getrlimit(resource.RLIMIT_AS)
    started = time.monotonic()
    with pytest.raises((BadRequestError, ModelLoadError)) as caught:
        render(source)
    assert time.monotonic() - started < 30
    assert "Traceback" not in str(caught.value)
    assert len(str(caught.value)) < 600
    assert resource.getrlimit(resource.RLIMIT_AS) == limit


@pytest.mark.case(40)
def test_a_template_works_again_after_one_that_broke_the_limits() -> None:
    with pytest.raises((BadRequestError, ModelLoadError)):
        render("{{ 'x'.ljust(100000000000) }}")
    assert render("{{ messages[0].content }}") == "hello"


@pytest.mark.case(40)
def test_a_template_of_a_megabyte_is_no_template() -> None:
    with pytest.raises(ModelLoadError, match="no template"):
        template("x" * (1 << 20) + "y")
