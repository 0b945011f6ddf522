"""The explorer's page in headless Chromium: its size, the time to the first interaction, the response of its sliders.

python benchmarks/explorer.py     writes benchmarks/results/explorer.json

Unlike the other benchmarks this one has limits, of what a person waits for, so that it gives times: a
response is the time from an input event to the frame that was painted after it. Beside it stand that of a frame in
which nothing changes, measured in turn with it, and the processor's time in the page's main thread for one event, which
does not depend on what else the machine does.
"""

import json
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import browsing
from explorer_panels import write_page

LOADS, EVENTS = 7, 40
LIMITS = {"bytes": 3_000_000, "first_interaction_ms": 2000, "response_ms": 50}
RESULT = Path(__file__).parent / "results" / "explorer.json"

# The task that follows a frame begins when the frame is painted: its callbacks, style, layout and paint are done.
PAINTED = """
window.painted = () => new Promise(done => requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => done(performance.now());
    channel.port2.postMessage(null);
}));
"""
FIRST = (
    PAINTED
    + """
const ready = async () => {
    const input = document.querySelector("[data-ready] [data-panel=depth] input[data-name=depth]");
    if (!input) return void requestAnimationFrame(ready);
    const shown = document.querySelector("[data-panel=depth] [data-readout=prediction]"), before = shown.dataset.value;
    input.value = Number(input.value) + 40;
    input.dispatchEvent(new Event("input", { bubbles: true }));
    const at = await painted();
    if (shown.dataset.value === before) throw new Error("the slider changed nothing");
    window.first = at;
};
requestAnimationFrame(ready);
"""
)
RESPONSES = """async ([panel, name, events]) => {
    const input = document.querySelector(`[data-panel=${panel}] input[data-name=${name}]`), times = [], empty = [];
    for (let k = 0; k < events; k++) {
        const pause = () => new Promise(done => setTimeout(done, 5 + 11 * ((k * 0.618) % 1)));
        await pause();
        const span = input.max - input.min;
        input.value = Number(input.min) + Math.round(span * (0.5 + 0.45 * Math.sin(1 + 2.4 * k)));
        let begun = performance.now();
        input.dispatchEvent(new Event("input", { bubbles: true }));
        times.push(await painted() - begun);
        await pause();
        begun = performance.now();
        empty.push(await painted() - begun);
    }
    return { times, empty };
}"""


def first_interactions(started: Any, file: Path) -> list[float]:
    """Milliseconds from the beginning of the navigation until a slider that was moved is drawn anew, of fresh pages."""
    found = []
    for _ in range(LOADS):
        with browsing.visit(started) as visit:
            visit.page.add_init_script(FIRST)
            visit.open(file)
            visit.page.wait_for_function("window.first !== undefined")
            found.append(visit.page.evaluate("window.first"))
            if visit.errors:
                raise RuntimeError(visit.errors[0])
    return found


def responses(visit: Any) -> dict[str, dict[str, Any]]:
    """For every slider of the page its responses."""
    found = {}
    visit.page.evaluate(PAINTED)
    cdp = visit.page.context.new_cdp_session(visit.page)
    cdp.send("Performance.enable", {"timeDomain": "threadTicks"})
    for section in visit.page.locator("section[data-panel]").all():
        panel = section.get_attribute("data-panel")
        for slider in section.locator("input[type=range]").all():
            name = slider.get_attribute("data-name")
            slider.evaluate("input => input.scrollIntoView({ block: 'center' })")
            before = processor_time(cdp)
            measured = visit.page.evaluate(RESPONSES, [panel, name, EVENTS])
            found[f"{panel}: {name}"] = summary(measured["times"]) | {
                "frame_of_nothing_ms": round(statistics.median(measured["empty"]), 2),
                "processor_ms": round(1000 * (processor_time(cdp) - before) / EVENTS, 2),
            }
    return found


def processor_time(cdp: Any) -> float:
    """Seconds that the page's main thread has run: what a response takes on a machine that does nothing else."""
    metrics = {one["name"]: one["value"] for one in cdp.send("Performance.getMetrics")["metrics"]}
    return metrics["TaskDuration"]


def summary(times: list[float]) -> dict[str, float]:
    """Median and 95 % quantile of milliseconds."""
    return {
        "median_ms": round(statistics.median(times), 2),
        "percent_95_ms": round(statistics.quantiles(times, n=20)[-1], 2),
    }


def main() -> None:
    """Measure, write and print; where there is no browser, say so."""
    reason = browsing.missing()
    if reason is not None:
        print(reason.replace("no browser tests", "no benchmark of the explorer"))
        return
    with tempfile.TemporaryDirectory() as folder, browsing.browser() as started:
        file = write_page(Path(folder) / "explorer.html")
        first = first_interactions(started, file)
        with browsing.visit(started) as visit:
            visit.open(file).settle()
            sliders = responses(visit)
        found = {
            "what": "the explorer's page in headless Chromium, from a file; milliseconds",
            "chromium": started.version,
            "cores": os.cpu_count(),
            "load_of_the_machine": round(os.getloadavg()[0], 1),
            "limits": LIMITS,
            "bytes": file.stat().st_size,
            "first_interaction": {
                "median_ms": round(statistics.median(first)), "max_ms": round(max(first)), "loads": LOADS,
            },
            "events_a_slider": EVENTS,
            "response": sliders,
        }  # fmt: skip
    RESULT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
