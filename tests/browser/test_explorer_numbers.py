"""Every number that the explorer shows is that of the package: read from its page in a browser, to 1e-6 or better."""

import json
import math

import numpy as np
import pytest
from explorer_panels import Panel, write_page

import roughntk as rn
from roughntk.explorer.points import own_points
from roughntk.explorer.tables import driver as driver_table
from roughntk.explorer.tables import ito as ito_table
from roughntk.explorer.tables import pure_area as pure_area_table

TOLERANCE = 1e-6


@pytest.fixture(scope="module", autouse=True)
def opened(visit, tmp_path_factory):
    """The page, loaded once for all tests of this file, which each leave it as they like."""
    visit.open(write_page(tmp_path_factory.mktemp("explorer") / "explorer.html"))
    return visit


@pytest.fixture
def panel(visit, request):
    return Panel(visit, request.param)


def of(name):
    return pytest.mark.parametrize("panel", [name], indirect=True)


def close(found, expected, **allowed):
    np.testing.assert_allclose(found, expected, **({"rtol": TOLERANCE, "atol": TOLERANCE} | allowed))


def matches_the_package(panel):
    """Kernel matrix, coefficients, prediction and condition number are those of the package for the panel's state."""
    state, shown = panel.state(), panel.values()
    X, x, y = (np.array(state[key], dtype=float) for key in ("X", "x", "y"))
    depth = math.inf if state["depth"] == "inf" else state["depth"]
    family = rn.kernels.family(state["family"], **state["parameters"])
    K, k = np.asarray(family(X, depth=depth)), np.asarray(family(x[None], X, depth=depth))[0]
    n = len(X)
    close([[shown[f"k-{i}-{j}"] for j in range(n)] for i in range(n)], K, rtol=0, atol=1e-9)
    close([shown[f"k-x-{j}"] for j in range(n)], k, rtol=0, atol=1e-9)
    solved = rn.regression.solve(family, X, x[None], depth=depth)
    u = solved.coefficients[:, 0]
    close([shown[f"u-{i}"] for i in range(n)], u)
    # The error that the panel states holds, but for what the package states of its own.
    close([shown[f"u-{i}"] for i in range(n)], u, rtol=0, atol=shown["error"] + solved.forward_error.max())
    predicted = rn.regression.prediction(family, X, y, x[None], depth=depth)
    close(shown["prediction"], predicted.values[0])
    allowed = panel.error("prediction") + predicted.forward_error.max()
    close(shown["prediction"], predicted.values[0], rtol=0, atol=allowed)
    assert shown["error"] < TOLERANCE * max(1, np.abs(u).max()) and f"u-{n}" not in shown
    if "condition" in shown:
        close(shown["condition"], np.linalg.cond(K), rtol=0, atol=panel.error("condition"))
    return K


@of("depth")
@pytest.mark.parametrize("depth", [2, 2.5, 17.123456, 1000, 10000, math.inf])
def test_depth_as_a_real_number(panel, depth):
    panel.choose("family", "relu-ntk")
    panel.set("depth", depth)
    assert panel.slider("depth") == depth
    matches_the_package(panel)


@of("depth")
@pytest.mark.parametrize(
    ("family", "depths"),
    [
        ("relu-nngp", (37.7, math.inf)),
        ("leaky-relu-nngp", (3.3,)),
        ("sigmoid", (5.5,)),
        ("biased-relu-ntk", (8,)),
        ("erf-ntk", (12,)),
        ("residual-relu-ntk", (10,)),
    ],
)
def test_every_family_and_its_parameters(panel, family, depths):
    panel.choose("family", family)
    options = panel.section.locator("select[data-name=parameters] option")
    members = [option.get_attribute("value") for option in options.all()]
    assert members
    for member in {members[0], members[-1]}:
        if len(members) > 1:
            panel.choose("parameters", member)
        for depth in depths:
            panel.set("depth", depth)
            matches_the_package(panel)
            assert panel.state()["member"] == member


@of("depth")
def test_more_points_and_points_on_a_sphere(panel):
    panel.choose("family", "relu-ntk")
    panel.set("depth", 4.5)
    for mode, count in (("circle", 8), ("sphere", 8), ("sphere", 2), ("circle", 5)):
        panel.choose("points-on", mode)
        panel.set("points", count)
        assert matches_the_package(panel).shape == (count, count)


@of("depth")
@pytest.mark.parametrize(("family", "count", "depth"), [("sigmoid", 5, 6), ("relu-nngp", 2, 10000)])
def test_a_large_condition_number_is_shown_to_the_digits_that_are_known(panel, family, count, depth):
    panel.choose("points-on", "circle")
    panel.set("points", count)
    panel.choose("family", family)
    panel.set("depth", depth)
    matches_the_package(panel)
    assert panel.values()["condition"] > 1e4 and panel.error("condition") < 5e-6 * panel.values()["condition"]
    assert "Indefinite" not in panel.section.inner_text()


@of("depth")
def test_a_kernel_that_is_no_covariance_is_called_indefinite(panel):
    panel.choose("points-on", "sphere")
    panel.set("points", 8)
    panel.choose("family", "sigmoid")
    panel.set("depth", 2)
    with pytest.warns(rn.regression.IndefiniteKernelWarning):
        K = matches_the_package(panel)
    assert "condition" in panel.values()
    smallest = f"{np.linalg.eigvalsh(K)[0]:.3g}".replace("-", "\N{MINUS SIGN}")
    assert smallest == "\N{MINUS SIGN}0.000182" and f"has the eigenvalue {smallest}." in panel.section.inner_text()


@of("depth")
def test_what_is_singular_or_below_its_error_is_not_shown_as_a_number(panel):
    panel.choose("points-on", "circle")
    panel.set("points", 2)
    panel.choose("family", "relu-nngp")
    panel.set("depth", math.inf)
    assert panel.text("condition") == "\N{INFINITY}, singular" and "condition" not in panel.values()
    assert panel.text("prediction") == "0" and panel.error("prediction") < 1e-10
    panel.choose("family", "sigmoid")
    panel.set("points", 8)
    panel.set("depth", 20)
    words = panel.text("condition").replace("\N{NO-BREAK SPACE}", " ")
    assert words == "above 1 \N{MIDDLE DOT} 10\N{SUPERSCRIPT ONE}\N{SUPERSCRIPT ZERO}, singular to the digits known"
    X = np.array(panel.state()["X"], dtype=float)
    assert np.linalg.cond(np.asarray(rn.kernels.family("sigmoid")(X, depth=20))) > 1e10


@of("depth")
def test_the_predictor_along_the_circle_goes_through_the_targets(panel):
    panel.choose("points-on", "circle")
    panel.choose("family", "relu-ntk")
    panel.set("depth", 3)
    state = panel.state()
    curve = panel.section.locator("[data-figure=predictor] path[fill=none]").last.get_attribute("d")
    points = np.array([[float(each) for each in pair.split(",")] for pair in curve[1:].split("L")])
    angles = 2 * math.pi * (points[:, 0] - points[0, 0]) / (points[-1, 0] - points[0, 0])
    X, y = np.array(state["X"]), np.array(state["y"])
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    wanted = rn.predict(rn.kernels.ReluNTK(), X, y, circle, depth=3)
    slope, offset = np.polyfit(wanted, points[:, 1], 1)
    assert slope < 0  # up is a smaller number of pixels
    close((points[:, 1] - offset) / slope, wanted, rtol=0, atol=2e-3)  # pixels are written to three places


@of("driver")
@pytest.mark.parametrize(("depth", "clock"), [(2, "arc"), (10, "psi")])
def test_the_driver_and_its_signature_terms(panel, depth, clock):
    points = own_points()
    X = points.X[: driver_table.MOST]
    found = rn.transport.between_depths(rn.kernels.ReluNTK(), X, points.x, depth=depth, clock=clock).drivers
    samples = np.asarray(found.sample(driver_table.SAMPLES))
    channels = samples.shape[1]
    terms = np.asarray(rn.rough.signature(samples, 2))
    second = terms[channels:].reshape(channels, channels)
    panel.set("depth", depth)
    panel.choose("clock", clock)
    for a, b in ((0, 4), (5, 1), (3, 3)):
        panel.choose("channel-a", str(a))
        panel.choose("channel-b", str(b))
        shown = panel.values()
        close([shown["level-1-a"], shown["level-1-b"]], terms[[a, b]], rtol=1e-9, atol=1e-12)
        close([shown["level-2-ab"], shown["level-2-ba"]], [second[a, b], second[b, a]], rtol=1e-9, atol=1e-12)
        close(shown["area"], (second[a, b] - second[b, a]) / 2, rtol=1e-8, atol=1e-12)
    square = panel.section.locator("[data-figure=areas] rect", has=panel.page.locator("title")).nth(0)
    assert square.locator("title").text_content().startswith("a = v(1,1), b = v(1,2): area")
    square.click()  # instead of the two lists
    panel.visit.settle()
    close(panel.values()["area"], (second[0, 1] - second[1, 0]) / 2, rtol=1e-8, atol=1e-12)
    for p in driver_table.EXPONENTS:
        close(shown[f"variation-{p:g}"], rn.rough.p_variation(samples, p), rtol=1e-9)
    assert 'norm="l1"' in panel.section.inner_text()


@of("finite")
@pytest.mark.parametrize(("layers", "width"), [(2, 512), (64, 64), (30, 200), (300, 100)])
def test_how_deep_a_finite_network_is(panel, layers, width):
    panel.set("layers", layers)
    panel.set("width", width)
    panel.set("layers", layers)
    shown, law = panel.values(), rn.networks.effective_depth(layers, width)
    quantiles = [law.quantile(p) for p in (0.05, 0.25, 0.5, 0.75, 0.95)]
    close([shown[name] for name in ("q05", "q25", "q50", "q75", "q95")], quantiles)
    close([shown["time"], shown["mean"], shown["sd"]], [layers / width, law.mean, math.sqrt(law.variance)])
    close(shown["below"], law.probability(layers))
    close(shown["kernel-ratio"], rn.networks.tangent_moments(layers, width).ratio)


@of("pure_area")
@pytest.mark.parametrize(("n", "p"), [(1, 2.5), (2, 1.5), (8, 3.15)])
def test_the_pure_area_path(panel, n, p):
    panel.set("n", n)
    panel.set("p", p)
    shown = panel.values()
    close(shown["area"], rn.rough.spiral_area(n, 2 * math.pi))
    close([shown["radius"], shown["turns"], shown["length"]], [1 / n, n * n, 2 * math.pi * n])
    if n <= 2:  # the sup over all points of the circle: over 120 a turn, from below
        times = np.linspace(0, 2 * math.pi, 120 * n * n + 1)
        circle = np.stack([np.cos(n * n * times), np.sin(n * n * times)], axis=1) / n
        for name, exponent in (("variation", p), ("variation2", 2)):
            over_points = float(rn.rough.p_variation(circle, exponent, norm="l2"))
            assert over_points * (1 - 1e-12) <= shown[name] <= over_points * (1 + 1e-3)
    if n == 2:
        frame = pure_area_table.circle_frame(n)
        close(shown["distance-limit"], np.linalg.norm(frame - np.diag([-1, -1, 1])))
        close(shown["distance-identity"], np.linalg.norm(frame - np.eye(3)))


@of("ito")
@pytest.mark.parametrize(("lam", "pieces", "level"), [(0, 50, 2), (1, 50, 2), (0.3, 20, 2), (0.3, 20, 1)])
def test_ito_and_stratonovich_end_where_the_package_ends(panel, lam, pieces, level):
    width, number = 50, 2
    driver = ito_table.driver_of(width, number - 1)
    panel.choose("width", str(width))
    panel.set("network", number)
    panel.set("lambda", lam)
    panel.set("pieces", pieces)
    panel.choose("level", str(level))
    shown = panel.values()
    steps = np.diff(np.asarray(driver.path.values), axis=0)
    lifted = rn.rough.perturb(driver.ito_lift(), lam / 2 * steps[:, :, None] * steps[:, None, :])
    lifted = lifted.resample(driver.times[np.rint(np.arange(pieces + 1) * (width / pieces)).astype(int)])
    solved = rn.rough.solve_rde(driver.field, lifted, driver.start, method="davie", level=level, estimate=False)
    a, c, d = np.asarray(solved.values[-1])
    close([shown["log-variance"], shown["correlation"]], [2 * math.log(abs(a)), c / math.hypot(c, d)])
    V = np.asarray(driver.covariances[-1])
    network = [math.log(V[0, 0]), V[0, 1] / math.sqrt(V[0, 0] * V[1, 1])]
    close([shown["network-log-variance"], shown["network-correlation"]], network)
    close(shown["gap"], 2 * math.log(abs(a)) - math.log(V[0, 0]))
    panel.set("lambda", 0)
    close(shown["ito-gap"], shown["log-variance"] - panel.values()["log-variance"])


def drawn(panel):
    """The points of the path and of its partition, as the page keeps them."""
    figure = panel.section.locator("[data-figure=surface] svg")
    return (np.array(json.loads(figure.get_attribute(f"data-{name}"))) for name in ("points", "partition"))


def variation_matches_the_package(panel):
    points, partition = drawn(panel)
    p, norm = panel.slider("p"), panel.section.locator("select[data-name=norm]").input_value()
    shown, path = panel.values(), np.asarray(points, dtype=float)
    close(shown["variation"], float(rn.rough.p_variation(path, p, norm=norm)), rtol=1e-10)
    pieces = np.linalg.norm(np.diff(path[partition], axis=0), ord=int(norm[1]), axis=1)
    close(np.sum(pieces**p) ** (1 / p), shown["variation"], rtol=1e-10)
    signature = np.asarray(rn.rough.signature(path, 2))
    close([shown[name] for name in ("S1", "S2", "S11", "S12", "S21", "S22")], signature, rtol=1e-9, atol=1e-12)
    close(shown["length"], np.linalg.norm(np.diff(path, axis=0), axis=1).sum(), rtol=1e-12)
    close(shown["area"], (signature[3] - signature[4]) / 2, atol=1e-12)
    assert (shown["points"], shown["pieces"]) == (len(path), len(partition) - 1)
    return path


@of("variation")
def test_the_p_variation_of_ready_paths(panel):
    for name, p, norm in (("brownian", 2.35, "l2"), ("zigzag", 1, "l1"), ("circles", 3, "l1"), ("segment", 5, "l2")):
        panel.choose("path", name)
        panel.choose("norm", norm)
        panel.set("p", p)
        assert len(variation_matches_the_package(panel)) >= 9


@of("variation")
def test_the_p_variation_of_a_path_drawn_with_the_mouse(panel):
    panel.set("p", 2)
    x, y = panel.middle("surface")
    mouse = panel.page.mouse
    wanted = [(-0.3, 0.1), (0.2, 0.3), (0.1, -0.4), (0.5, 0.5), (-0.5, -0.1)]
    size = panel.handle("surface").bounding_box()["width"] / 2
    mouse.move(x - 0.6 * size, y)
    mouse.down()
    for right, up in wanted:
        mouse.move(x + right * size, y - up * size, steps=8)
    mouse.up()
    panel.visit.settle()
    path = variation_matches_the_package(panel)
    assert len(path) > 20
    for place in wanted:  # where the mouse turned there is a point, but for the least distance of two points
        assert np.linalg.norm(path - place, axis=1).min() < 0.02
    panel.section.locator("button[data-name=undo]").click()
    panel.visit.settle()
    assert len(variation_matches_the_package(panel)) == len(path) - 1


def test_the_console_is_quiet_after_all_of_it(visit):
    assert visit.errors == [] and visit.requests == []
