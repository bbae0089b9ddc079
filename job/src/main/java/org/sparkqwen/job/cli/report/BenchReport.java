package org.sparkqwen.job.cli.report;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import org.sparkqwen.engine.Engine;
import org.sparkqwen.engine.bench.Benchmark;
import org.sparkqwen.engine.bench.BenchmarkResult;
import org.sparkqwen.engine.bench.Measurement;
import org.sparkqwen.engine.bench.Samples;
import org.sparkqwen.engine.model.TensorPlan;
import org.sparkqwen.engine.model.WeightEncoding;
import org.sparkqwen.job.failure.Version;

/// A benchmark's figures, as tables for a person and as JSON. Both have the same figures.
public final class BenchReport {
    private static final double GIGA = 1e9;

    private final String model;
    private final long parameters;
    private final long activeParameters;
    private final String kernels;
    private final WeightEncoding weights;
    private final int threads;
    private final int batchTokens;
    private final Benchmark.Settings settings;
    private final BenchmarkResult result;

    /// @param model the model's name, for a person
    public BenchReport(String model, Engine engine, Benchmark.Settings settings, BenchmarkResult result) {
        this.model = model;
        parameters = TensorPlan.of(engine.config()).parameters();
        activeParameters = TensorPlan.activeParameters(engine.config());
        kernels = engine.kernels();
        weights = engine.encoding();
        threads = engine.options().threads();
        batchTokens = engine.options().batchTokens();
        this.settings = settings;
        this.result = result;
    }

    public List<String> lines() {
        List<String> lines = new ArrayList<>();
        String active = activeParameters == parameters ? "" : ", %,d of them active".formatted(activeParameters);
        lines.add("%s: %,d parameters%s; weights: %s; kernels: %s"
                .formatted(model, parameters, active, weights, kernels));
        lines.add("batches of %,d tokens, documents of %,d".formatted(batchTokens, settings.documentTokens()));
        add(lines, machine());
        add(lines, rates());
        for (Measurement measurement : result.measurements()) {
            if (measurement.part() == Benchmark.Part.SCORE || measurement.part() == Benchmark.Part.ENTROPY) {
                add(lines, stages(measurement));
            }
        }
        return lines;
    }

    private static void add(List<String> lines, List<List<String>> table) {
        lines.add("");
        lines.addAll(TextTable.lines(table));
    }

    private List<List<String>> machine() {
        return List.of(
                List.of("the machine at most", "best", "median", "worst burst"),
                machine("multiply-adds, one thread, GFLOP/s", "%,.0f", result.coreFlops()),
                machine("multiply-adds, %d thread(s), GFLOP/s".formatted(threads), "%,.0f", result.flops()),
                machine("reading memory, %d thread(s), GB/s".formatted(threads), "%,.1f", result.readBytes()));
    }

    private static List<String> machine(String name, String format, Samples samples) {
        return List.of(
                name,
                format.formatted(samples.best() / GIGA),
                format.formatted(samples.median() / GIGA),
                format.formatted(samples.worst() / GIGA));
    }

    private List<List<String>> rates() {
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of(
                "",
                "tokens/s",
                "best",
                "worst",
                "rounds",
                "GFLOP/s",
                "of float32 peak",
                "meanwhile",
                "weights, GB/s",
                "of reading",
                "to one",
                "of scoring"));
        for (Measurement measurement : result.measurements()) {
            Samples rate = measurement.tokensPerSecond();
            Measurement.Round median = measurement.median();
            // Where many tokens share one reading of the weights, the measurement is not memory-bound.
            boolean bound = measurement.part() == Benchmark.Part.DECODE;
            rows.add(List.of(
                    title(measurement),
                    "%,.1f".formatted(rate.median()),
                    "%,.1f".formatted(rate.best()),
                    "%,.1f".formatted(rate.worst()),
                    "%,d".formatted(measurement.rounds().size()),
                    "%,.1f".formatted(median.flopsPerSecond() / GIGA),
                    percent(measurement.shareOfPeak()),
                    cell("%.1f %%", measurement.shareOfPeakMeanwhile(), 100),
                    bound ? "%,.1f".formatted(median.weightBytesPerSecond() / GIGA) : "",
                    bound ? percent(measurement.shareOfReadBytes()) : "",
                    cell("%.1f x", result.toOne(measurement), 1),
                    cell("%.1f %%", result.toScoring(measurement), 100)));
        }
        return rows;
    }

    private static List<List<String>> stages(Measurement measurement) {
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of(
                "where %s spends its time".formatted(name(measurement.part())),
                "ms/token",
                "of time",
                "GFLOP/s",
                "of float32 peak",
                "meanwhile"));
        for (StageShare stage : StageShare.of(measurement)) {
            rows.add(List.of(
                    stage.name(),
                    "%.4f".formatted(stage.millisPerToken()),
                    percent(stage.shareOfTime()),
                    stage.flopsPerSecond() == 0 ? "" : "%,.1f".formatted(stage.flopsPerSecond() / GIGA),
                    stage.flopsPerSecond() == 0 ? "" : percent(stage.shareOfPeak()),
                    cell("%.1f %%", stage.shareOfPeakMeanwhile(), 100)));
        }
        return rows;
    }

    static String cell(String format, OptionalDouble ratio, int unit) {
        return ratio.isPresent() ? format.formatted(unit * ratio.getAsDouble()) : "";
    }

    static String percent(double share) {
        return "%.1f %%".formatted(100 * share);
    }

    private static String name(Benchmark.Part part) {
        return part.name().toLowerCase(Locale.ROOT);
    }

    /// The measurements, in the order of the tables.
    List<Measurement> measurements() {
        return result.measurements();
    }

    /// What distinguishes this benchmark from others of the same model: its weights and its kernels.
    String variant() {
        return "weights %s, %s".formatted(weights, kernels);
    }

    static String title(Measurement measurement) {
        return "%s, %,d at a time".formatted(name(measurement.part()), measurement.sequences());
    }

    /// The figures of one benchmark as a JSON object, or of several as an array.
    ///
    /// @param reports at least one
    public static String json(List<BenchReport> reports) {
        List<Map<String, Object>> all =
                reports.stream().map(BenchReport::figures).toList();
        try {
            return JsonMapper.builder()
                            .enable(SerializationFeature.INDENT_OUTPUT)
                            .build()
                            .writeValueAsString(all.size() == 1 ? all.getFirst() : all)
                    + "\n";
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    private Map<String, Object> figures() {
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("model", model);
        all.put("parameters", parameters);
        all.put("active_parameters", activeParameters);
        all.put("weights", weights.toString());
        all.put("kernels", kernels);
        all.put("threads", threads);
        all.put("batch_tokens", batchTokens);
        all.put("document_tokens", settings.documentTokens());
        all.put("spark_qwen", Version.current());
        all.put("java", Runtime.version().toString());
        Map<String, Object> machine = new LinkedHashMap<>();
        machine.put("core_gflops", samples(result.coreFlops(), GIGA));
        machine.put("gflops", samples(result.flops(), GIGA));
        machine.put("read_gb_per_s", samples(result.readBytes(), GIGA));
        all.put("machine", machine);
        all.put("measurements", result.measurements().stream().map(this::json).toList());
        return all;
    }

    private Map<String, Object> json(Measurement measurement) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("part", name(measurement.part()));
        json.put("sequences", measurement.sequences());
        json.put("rounds", measurement.rounds().size());
        json.put("tokens_per_s", samples(measurement.tokensPerSecond(), 1));
        json.put("gflops", measurement.median().flopsPerSecond() / GIGA);
        json.put("share_of_peak", measurement.shareOfPeak());
        measurement.shareOfPeakMeanwhile().ifPresent(share -> json.put("share_of_peak_meanwhile", share));
        json.put("weights_gb_per_s", measurement.median().weightBytesPerSecond() / GIGA);
        json.put("share_of_reading", measurement.shareOfReadBytes());
        result.toOne(measurement).ifPresent(ratio -> json.put("ratio_to_one", ratio));
        result.toScoring(measurement).ifPresent(ratio -> json.put("ratio_to_scoring", ratio));
        json.put("peak_gflops", samples(measurement.flops(), GIGA));
        json.put("read_gb_per_s", samples(measurement.readBytes(), GIGA));
        json.put(
                "stages",
                StageShare.of(measurement).stream().map(BenchReport::json).toList());
        return json;
    }

    private static Map<String, Object> json(StageShare stage) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("stage", stage.name());
        json.put("ms_per_token", stage.millisPerToken());
        json.put("share_of_time", stage.shareOfTime());
        json.put("gflops", stage.flopsPerSecond() / GIGA);
        json.put("share_of_peak", stage.shareOfPeak());
        stage.shareOfPeakMeanwhile().ifPresent(share -> json.put("share_of_peak_meanwhile", share));
        return json;
    }

    private static Map<String, Object> samples(Samples samples, double unit) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("median", samples.median() / unit);
        json.put("best", samples.best() / unit);
        json.put("worst", samples.worst() / unit);
        return json;
    }
}
