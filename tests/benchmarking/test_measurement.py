"""A benchmark's measurements and table, compared with values worked by hand."""

import pytest
import torch
from benchmarks.measurement import (
    count_bytes_moved,
    count_flops,
    measure_peak_memory,
    operation_kind,
    peak_resident_bytes,
    summarize_rate,
    summarize_speedup,
    time_interleaved,
    time_shares,
)
from benchmarks.table import estimate_hours, format_table


def test_rates_and_ratios_are_medians_of_rounds():
    assert summarize_rate(12, [1, 2, 4]) == {
        "median": 6,
        "least": 3,
        "most": 12,
        "rounds": [12, 6, 3],
    }
    assert summarize_speedup([6, 8, 10], [2, 2, 2])["median"] == 4


def test_variants_take_turns_after_a_warm_up():
    order = []
    work = {"a": lambda: order.append("a"), "b": lambda: order.append("b")}
    seconds = time_interleaved(work, 2, torch.device("cpu"))
    assert order == ["a", "b"] * 3
    assert {name: len(each) for name, each in seconds.items()} == {"a": 2, "b": 2}


def test_a_multiplication_and_addition_count_two_operations():
    one, other = torch.ones(3, 5), torch.ones(5, 7)
    assert count_flops(lambda: one @ other) == 2 * 3 * 5 * 7
    images, kernels = torch.ones(1, 2, 4, 4), torch.ones(3, 2, 3, 3)
    counted = count_flops(lambda: torch.nn.functional.conv2d(images, kernels, padding=1))
    assert counted == 2 * 16 * 9 * 2 * 3


def test_bytes_moved_count_inputs_and_outputs_but_no_views():
    column, row = torch.ones(10, 1), torch.ones(1, 10)
    assert count_bytes_moved(lambda: column.view(10)) == 0
    assert count_bytes_moved(lambda: column + row) == 4 * (10 + 10 + 100)
    assert count_bytes_moved(lambda: column.view(10).sum()) == 4 * (10 + 1)


def test_time_is_divided_among_kinds_of_operations():
    one = torch.ones(300, 300)
    shares = time_shares(lambda: one @ one, torch.device("cpu"))
    assert sum(shares.values()) == pytest.approx(1)
    assert max(shares, key=shares.__getitem__) == "matrix products"
    assert (
        operation_kind("aten::convolution_backward")
        == operation_kind("aten::conv2d")
        == "convolutions"
    )
    assert operation_kind("aten::native_batch_norm_backward") == "batch norm"
    assert operation_kind("aten::_fused_adam_") == "Adam"
    assert operation_kind("aten::threshold_backward") == "ReLU, pooling and sums"
    assert operation_kind("aten::randn") == "all else"


def test_peak_memory_is_measured_in_a_new_process():
    block = torch.ones(2**26)  # 256 MB, in this process only
    assert measure_peak_memory(list) > 2**20
    assert peak_resident_bytes() - measure_peak_memory(list) > block.nbytes / 2


def test_estimated_hours_of_the_papers_run():
    # one second per training image and epoch, and no other costs
    assert estimate_hours(1, 0, 0, 0, 5, 16)[0] == pytest.approx(100 * 162_770 / 3600)
    assert estimate_hours(1, 1, 0, 0, 5, 16)[1] == pytest.approx(5 * 162_770 / 3600)
    predictions = 5 * 19_867 + 16 * (19_867 + 19_962)
    assert estimate_hours(1, 0, 1, 0, 5, 16)[1] == pytest.approx(predictions / 3600)
    assert estimate_hours(1, 0, 0, 1, 5, 16)[1] == pytest.approx(19_962 / 3600)


def test_the_table_shows_the_measurements():
    figures = {"median": 24.56, "least": 20, "most": 1234.5, "rounds": []}
    record = {
        "environment": {"device": "cpu", "cpu": "2 x Z", "torch": "2", "precision": "bf16-mixed"}
        | {"threads": "2", "device_name": "x86_64"},
        "image_size": 64,
        "batch_size": 8,
        "date": "2026-01-01",
        "data": {
            "images_per_second": {"project": figures, "reference": figures},
            "times_faster": {"reference": figures},
        },
        "startup": {"seconds": dict.fromkeys(["help", "finished_run", "first_step"], figures)},
    }
    text = format_table(record)
    head = "2 x Z, torch 2, bf16-mixed, 2 threads, 64 pixels, batch size 8, 2026-01-01"
    assert text.startswith(head)
    row = "| batches from image files | 24.6 (20 to 1,234) | 24.6 (20 to 1,234) times |"
    assert row in text
    assert "- privacy-gan train --help: 24.6 (20 to 1,234) s." in text
