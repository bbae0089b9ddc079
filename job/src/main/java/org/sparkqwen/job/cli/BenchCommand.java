package org.sparkqwen.job.cli;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.Engine;
import org.sparkqwen.engine.bench.Benchmark;
import org.sparkqwen.engine.bench.BenchmarkResult;
import org.sparkqwen.engine.checkpoint.DType;
import org.sparkqwen.engine.checkpoint.WeightFiles;
import org.sparkqwen.engine.kernels.Device;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.engine.kernels.Precision;
import org.sparkqwen.engine.kernels.measure.MachinePeak;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.model.TensorPlan;
import org.sparkqwen.engine.model.WeightEncoding;
import org.sparkqwen.engine.model.Weights;
import org.sparkqwen.engine.model.family.PublishedShape;
import org.sparkqwen.engine.request.EngineOptions;
import org.sparkqwen.engine.request.KeyValueOptions;
import org.sparkqwen.engine.run.ModelWarnings;
import org.sparkqwen.engine.sizing.WorkingMemory;
import org.sparkqwen.job.cli.report.BenchComparison;
import org.sparkqwen.job.cli.report.BenchDisplay;
import org.sparkqwen.job.cli.report.BenchReport;
import org.sparkqwen.job.failure.Console;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.failure.Warnings;
import org.sparkqwen.job.model.DeviceChoice;
import org.sparkqwen.job.model.ExecutorOptions;
import org.sparkqwen.job.storage.SampleModel;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
        name = "bench",
        sortOptions = false,
        description = {
            "Measures how fast a model scores and generates on this machine, and what share that is of"
                    + " what the machine can do at most.",
            "",
            "The peaks of the machine are measured too, in bursts before, during and after the rounds."
                    + " They are multiply-adds a second, which bound scoring, and bytes read from memory a"
                    + " second, which bound decoding. If there is no model, --shape takes random weights of a"
                    + " published size, which run as fast. Documents are random token ids, always the same. bench"
                    + " runs no Spark job.",
            ""
        },
        footer = {
            "",
            "Examples:",
            "  ./spark-qwen bench --model Qwen3-4B-Base",
            "  ./spark-qwen bench --shape 4b --layers 4 --only score",
            "  ./spark-qwen bench --shape 0.6b --threads 1 --seconds 60 --json bench.json",
            "",
            "Close other programs first. The worst burst tells whether other programs used the machine."
                    + " The share \"of float32 peak\" compares with the best burst of multiply-adds around the rounds,"
                    + " and \"meanwhile\" compares with short bursts of each operation's own instruction during"
                    + " them, on the same threads."
        })
final class BenchCommand implements Callable<Integer> {
    @Option(
            names = "--model",
            paramLabel = "DIR",
            description = "The model is this Hugging Face directory, a packed one, or a GGUF file, on this machine."
                    + " Default: the small sample model.")
    private @Nullable Path model;

    @Option(
            names = "--shape",
            paramLabel = "SIZE",
            description = "bench takes random weights of the size of a published model instead: 0.6b, 1.7b, 4b, 8b,"
                    + " 14b, 32b, 30b-a3b or 235b-a22b.")
    private @Nullable String shape;

    @Option(
            names = "--layers",
            paramLabel = "N",
            description = "With --shape, the model has only this many layers. This is a quick look that needs little"
                    + " memory. Default: all.")
    private @Nullable Integer layers;

    @Option(
            names = "--only",
            split = ",",
            paramLabel = "PART",
            description =
                    "bench measures score, entropy (score --entropy), classify (prompts as long as documents, with "
                            + Benchmark.LABELS
                            + " labels of one token), embed, prefill (prompts as long as documents, for the logits of"
                            + " the last token) or decode. Write commas between several. The rounds of score and"
                            + " entropy take turns. Default: score, prefill and decode.")
    private List<Benchmark.Part> only = new ArrayList<>();

    @Option(
            names = "--batch-tokens",
            paramLabel = "N",
            defaultValue = "4096",
            description = "N tokens go through the model together. Default: ${DEFAULT-VALUE}.")
    private int batchTokens;

    @Option(
            names = "--document-tokens",
            paramLabel = "N",
            defaultValue = "512",
            description = "A document has N tokens. Default: ${DEFAULT-VALUE}.")
    private int documentTokens;

    @Option(
            names = "--sequences",
            split = ",",
            paramLabel = "N",
            defaultValue = "1,8,32",
            description = "bench decodes this many texts at the same time. Write commas between several numbers. Each"
                    + " text has a prompt of "
                    + Benchmark.PROMPT_TOKENS
                    + " tokens and goes on for "
                    + Benchmark.OUTPUT_TOKENS
                    + ". Default: ${DEFAULT-VALUE}.")
    private List<Integer> sequences = new ArrayList<>();

    @Option(
            names = "--seconds",
            paramLabel = "S",
            defaultValue = "30",
            description = "Each measurement takes S seconds, at most half of which are warm-up. At least one round of"
                    + " warm-up and three measured rounds run, however long they take. Default: ${DEFAULT-VALUE}.")
    private double seconds;

    @Option(
            names = "--threads",
            paramLabel = "N",
            defaultValue = "0",
            description = "bench computes with N threads. Default: all processors.")
    private int threads;

    @Option(
            names = "--kv",
            paramLabel = "FORMAT",
            defaultValue = "f32",
            description = "This option sets the format of the KV cache when decoding, f32, bf16 or int8. Default:"
                    + " ${DEFAULT-VALUE}.")
    private KeyValueFormat keyValues = KeyValueFormat.F32;

    @Option(
            names = "--precision",
            converter = PrecisionNames.class,
            split = ",",
            paramLabel = "NAME",
            defaultValue = "float32",
            description = "Linear layers multiply in this precision: float32, float32x2, bfloat16, bfloat16-amx or"
                    + " int8, which needs weights int8 or int4. Write commas between several, and bench measures"
                    + " each. Default: ${DEFAULT-VALUE}.")
    private List<Precision> precisions = new ArrayList<>();

    @Option(
            names = "--kernels",
            converter = KernelNames.class,
            split = ",",
            paramLabel = "KIND",
            defaultValue = "auto",
            description = "This option chooses the kernels: auto, code, vector or scalar. Write commas between several,"
                    + " and bench measures each. Default: ${DEFAULT-VALUE}.")
    private List<KernelChoice> kernels = new ArrayList<>();

    @Option(
            names = "--device",
            converter = DeviceNames.class,
            paramLabel = "WHAT",
            defaultValue = "cpu",
            description = "bench measures this device: cpu, cuda for the first GPU, or cuda:N. Default:"
                    + " ${DEFAULT-VALUE}.")
    private DeviceChoice device = new DeviceChoice(Device.CPU);

    @Option(
            names = "--weights",
            split = ",",
            paramLabel = "ENCODING",
            defaultValue = "stored",
            description = "This option chooses the encoding of the weights: stored, int8 or int4. Random weights are"
                    + " stored as bfloat16. Write commas between several, and bench measures each. Default:"
                    + " ${DEFAULT-VALUE}.")
    private List<WeightEncoding> encodings = new ArrayList<>();

    @Mixin
    private CacheOption cache = new CacheOption();

    @Option(names = "--json", paramLabel = "FILE", description = "bench also writes all figures to this file, as JSON.")
    private @Nullable Path json;

    @Override
    public Integer call() {
        MachinePeak.obstacle().ifPresent(reason -> {
            throw Refusal.failure(
                    "the machine is measured with vector code, which cannot run: %s; ./spark-qwen starts it"
                            .formatted(reason));
        });
        if (model != null && shape != null) {
            throw Refusal.usage("give --model or --shape, not both");
        }
        if (layers != null && shape == null) {
            throw Refusal.usage("--layers cuts a --shape; a model is measured whole");
        }
        Benchmark.Settings settings = settings();
        List<BenchReport> reports = new ArrayList<>();
        Console out = new Console(System.out);
        for (EngineOptions options : variants(settings)) {
            BenchReport report = report(options, settings, reports.isEmpty());
            if (!reports.isEmpty()) {
                out.println("");
                out.println("");
            }
            report.lines().forEach(out::println);
            reports.add(report);
        }
        if (reports.size() > 1) {
            out.println("");
            BenchComparison.lines(reports).forEach(out::println);
        }
        if (json != null) {
            write(json, BenchReport.json(reports));
        }
        return 0;
    }

    /// @param warns whether to say what a person should know of the model
    private BenchReport report(EngineOptions options, Benchmark.Settings settings, boolean warns) {
        try (Engine engine = open(options)) {
            if (shape == null && warns) {
                new Warnings(System.err)
                        .addAll(ModelWarnings.of(
                                directory(), engine.config(), engine.tokenizer().orElse(null)));
            }
            return new BenchReport(name(), engine, settings, measure(engine, settings));
        }
    }

    /// The options of each measurement: every encoding of weights in every precision with all kernels. The
    /// precision int8 is left out for weights that have no integers, unless nothing else was asked for.
    private List<EngineOptions> variants(Benchmark.Settings settings) {
        List<EngineOptions> variants = new ArrayList<>();
        for (WeightEncoding encoding : encodings) {
            for (Precision precision : precisions) {
                boolean others = encodings.size() * precisions.size() > 1;
                if (others && precision == Precision.INT8 && encoding == WeightEncoding.STORED && !storesIntegers()) {
                    continue;
                }
                for (KernelChoice choice : kernels) {
                    variants.add(options(settings, kernels(choice, precision), encoding));
                }
            }
        }
        return variants;
    }

    private KernelChoice kernels(KernelChoice choice, Precision precision) {
        if (device.device() == null) {
            throw Refusal.usage("--device auto is for jobs; bench measures cpu, cuda or cuda:N");
        }
        try {
            return choice.on(device.device().orFirst()).in(precision);
        } catch (IllegalArgumentException e) {
            throw Refusal.usage("--device %s: %s".formatted(device, e.getMessage()));
        }
    }

    /// Whether the model's weights are integers as they are stored, like those of many quantized models. Weights
    /// that are not the model's count as such, so that opening them says what is wrong.
    private boolean storesIntegers() {
        if (shape != null) {
            return false;
        }
        ModelConfig stated = ModelConfig.read(directory());
        try (WeightFiles files = WeightFiles.open(directory(), stated.family().names())) {
            ModelConfig config = stated.with(files);
            return !TensorPlan.of(config).differences(files).isEmpty()
                    || WeightEncoding.hasIntegers(Weights.layout(config, files, WeightEncoding.STORED));
        }
    }

    private Benchmark.Settings settings() {
        Set<Benchmark.Part> parts = only.isEmpty() ? EnumSet.copyOf(Benchmark.Part.USUAL) : EnumSet.copyOf(only);
        if (!(seconds > 0 && seconds <= Duration.ofDays(1).toSeconds())) {
            throw Refusal.usage("--seconds must be above 0 and at most a day, not " + seconds);
        }
        try {
            return new Benchmark.Settings(
                    documentTokens, sequences, parts, Duration.ofNanos((long) Math.ceil(seconds * 1e9)));
        } catch (IllegalArgumentException e) {
            throw Refusal.usage("--" + e.getMessage());
        }
    }

    private EngineOptions options(Benchmark.Settings settings, KernelChoice choice, WeightEncoding encoding) {
        if (threads < 0 || threads > ExecutorOptions.MOST_THREADS) {
            throw Refusal.usage("--threads must be from 1 to %,d, or 0 for all processors, not %d"
                    .formatted(ExecutorOptions.MOST_THREADS, threads));
        }
        if (batchTokens < documentTokens) {
            throw Refusal.usage("--batch-tokens %,d is less than one document of --document-tokens %,d"
                    .formatted(batchTokens, documentTokens));
        }
        return new EngineOptions(
                        choice,
                        threads == 0 ? Runtime.getRuntime().availableProcessors() : threads,
                        batchTokens,
                        settings.mostSequences(batchTokens))
                // Only the texts that are measured take this memory.
                .withKeyValues(new KeyValueOptions(keyValues, Long.MAX_VALUE))
                .withWeights(encoding)
                .withCache(cache.here());
    }

    private Engine open(EngineOptions options) {
        if (shape == null) {
            return Engine.open(directory(), options);
        }
        ModelConfig config;
        try {
            PublishedShape published = PublishedShape.of(shape);
            config = published.config(layers == null ? published.layers() : layers);
        } catch (IllegalArgumentException e) {
            throw Refusal.usage("--shape %s: %s".formatted(shape, e.getMessage()));
        }
        refuseWhatDoesNotFit(config, options);
        return Engine.random(config, options);
    }

    /// Refuses settings that need more memory than the system has, because they would end this process without a
    /// message.
    private void refuseWhatDoesNotFit(ModelConfig config, EngineOptions options) {
        if (options.kernels().device().isGpu()) {
            return; // a full GPU says so itself
        }
        long needed = Weights.packedBytes(config, DType.BF16, options.weights())
                + WorkingMemory.scoring(config, batchTokens, documentTokens, options.threads())
                        .total();
        long present = ManagementFactory.getPlatformMXBean(com.sun.management.OperatingSystemMXBean.class)
                .getTotalMemorySize();
        if (needed > present) {
            throw Refusal.usage("--shape %s needs %.1f GB of memory, this machine has %.1f GB; take fewer --layers"
                    .formatted(shape, needed / 1e9, present / 1e9));
        }
    }

    private BenchmarkResult measure(Engine engine, Benchmark.Settings settings) {
        try (BenchDisplay display = BenchDisplay.onStandardError()) {
            Benchmark benchmark;
            try {
                benchmark = engine.benchmark(settings, display);
            } catch (IllegalArgumentException e) {
                throw Refusal.usage("--" + e.getMessage());
            }
            return benchmark.run();
        }
    }

    private String name() {
        if (shape == null) {
            return String.valueOf(directory().getFileName());
        }
        return "random weights, shape " + shape + (layers == null ? "" : ", %d layer(s)".formatted(layers));
    }

    private Path directory() {
        return (model == null ? SampleModel.directory() : model)
                .toAbsolutePath()
                .normalize();
    }

    private static void write(Path file, String text) {
        try {
            Files.writeString(file, text);
        } catch (IOException e) {
            throw Refusal.failure("--json %s cannot be written: %s".formatted(file, e));
        }
    }
}
