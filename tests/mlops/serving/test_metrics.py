from mlops.serving.metrics import Metrics


def lines(metrics, **gauges):
    return metrics.text(gauges, "v1.0.0").decode().splitlines()


def test_counters_without_labels_are_there_before_anything_happened():
    assert "serving_lost_predictions_total 0" in lines(Metrics())
    assert not [line for line in lines(Metrics()) if line.startswith("serving_requests_total{")]


def test_counts_are_kept_apart_by_their_labels_and_whole_however_large():
    metrics = Metrics()
    metrics.count("requests_total", path="/predict", status="200")
    metrics.count("requests_total", path="/predict", status="422", by=12_345_678)
    found = lines(metrics)
    assert 'serving_requests_total{path="/predict",status="200"} 1' in found
    assert 'serving_requests_total{path="/predict",status="422"} 12345678' in found


def test_labels_are_escaped():
    metrics = Metrics()
    metrics.count("out_of_range_total", column='a "b"\n\\c')
    assert r'serving_out_of_range_total{column="a \"b\"\n\\c"} 1' in lines(metrics)


def test_the_histogram_counts_up_to_each_bound():
    metrics = Metrics()
    for seconds in (0.0001, 0.001, 0.0011, 60):
        metrics.observe(seconds)
    found = [line for line in lines(metrics) if line.startswith("serving_predict_seconds")]
    assert 'serving_predict_seconds_bucket{le="0.001"} 2' in found
    assert 'serving_predict_seconds_bucket{le="0.002"} 3' in found
    assert 'serving_predict_seconds_bucket{le="+Inf"} 4' in found
    assert "serving_predict_seconds_count 4" in found


def test_every_family_says_what_it_is_and_the_version_is_shown():
    found = lines(Metrics(), spool_bytes=5)
    assert found.count("# TYPE serving_spool_bytes gauge") == 1
    assert "serving_spool_bytes 5" in found
    assert 'serving_model_info{version="v1.0.0"} 1' in found


def test_a_share_of_the_requests_keeps_a_bound():
    metrics = Metrics()
    assert metrics.within(0.5) is None
    for seconds in (0.0001, 0.0001, 0.003, 60):
        metrics.observe(seconds)
    assert [metrics.within(share) for share in (0.5, 0.75, 0.99)] == [0.0005, 0.005, float("inf")]
    assert [number for _, number in metrics.latencies() if number] == [2, 1, 1]


def test_one_name_is_counted_by_its_labels():
    metrics = Metrics()
    metrics.count("out_of_range_total", column="a")
    assert metrics.counted("out_of_range_total") == {(("column", "a"),): 1}
    assert metrics.counted("rows_total") == {(): 0}
