package org.sparkqwen.job.cli;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.spark.SparkConf;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.Packing;
import org.sparkqwen.engine.adapter.LoraAdapter;
import org.sparkqwen.engine.checkpoint.AdapterFiles;
import org.sparkqwen.engine.checkpoint.Checkpoint;
import org.sparkqwen.engine.checkpoint.DType;
import org.sparkqwen.engine.checkpoint.Fidelity;
import org.sparkqwen.engine.checkpoint.PackedFile;
import org.sparkqwen.engine.checkpoint.PackedLayout;
import org.sparkqwen.engine.checkpoint.PackedTensor;
import org.sparkqwen.engine.checkpoint.WeightFiles;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.kernels.Precision;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.model.MixtureShape;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.model.Rope;
import org.sparkqwen.engine.model.SentenceEncoder;
import org.sparkqwen.engine.model.TensorPlan;
import org.sparkqwen.engine.model.WeightEncoding;
import org.sparkqwen.engine.model.Weights;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.quantized.Quantization;
import org.sparkqwen.engine.run.ModelWarnings;
import org.sparkqwen.engine.sizing.StreamingForecast;
import org.sparkqwen.engine.tokenizer.Tokenizer;
import org.sparkqwen.engine.tokenizer.TokenizerFiles;
import org.sparkqwen.job.cli.report.ByteCount;
import org.sparkqwen.job.cli.report.FidelityText;
import org.sparkqwen.job.cli.report.GpuFit;
import org.sparkqwen.job.failure.Console;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.input.InputFormat;
import org.sparkqwen.job.model.DriverCopy;
import org.sparkqwen.job.model.ExecutorOptions;
import org.sparkqwen.job.run.CommandSession;
import org.sparkqwen.job.run.RunSettings;
import org.sparkqwen.job.storage.ModelLocation;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
        name = "inspect",
        sortOptions = false,
        description = {
            "Says what a model is, what it needs, and whether all of it is there, without running it. The"
                    + " exit code is 1 if the model cannot be run. With --plan, it measures the speed here and"
                    + " predicts a run of score on a cluster.",
            ""
        },
        footer = {
            "",
            "Examples:",
            "  ./spark-qwen inspect --model Qwen3-4B-Base --lora adapter",
            "  ./spark-qwen inspect --model Qwen3-4B-Base --device cuda --device-memory 80g",
            "  ./spark-qwen inspect --plan --model Qwen3-4B-Base --input corpus.parquet \\",
            "      --hosts 100 --cores 16 --bandwidth 1g --cost-per-hour 0.80"
        })
final class InspectCommand implements Callable<Integer> {
    private static final int SHOWN_FAULTS = 20;

    @Option(
            names = "--model",
            paramLabel = "DIR",
            description = "The model is this Hugging Face directory, a packed one, or a GGUF file. It is a path of"
                    + " this machine, or a URI, whose files are then copied into the cache, as score does."
                    + " Default: the small sample model.")
    private @Nullable String model;

    @Mixin
    private LoraOption lora = new LoraOption();

    @Option(
            names = "--reference-model",
            paramLabel = "DIR",
            description = "inspect also says what the reference model of score adds to the memory, and whether both"
                    + " fit. It is a path of this machine, or a URI. Default: none.")
    private @Nullable String referenceModel;

    @Option(
            names = "--conf",
            paramLabel = "KEY=VALUE",
            description = "A URI is read with this configuration of Spark, as with spark-submit. You may repeat the"
                    + " option.")
    private Map<String, String> conf = new LinkedHashMap<>();

    @Mixin
    private PlanOptions plan = new PlanOptions();

    @Mixin
    private GpuOptions gpus = new GpuOptions();

    @Mixin
    private CacheOption cache = new CacheOption();

    @Override
    public Integer call() {
        gpus.check();
        if (plan.isAsked()) {
            ModelChoice reference = referenceModel == null
                    ? null
                    : Refusal.about(
                            "--reference-model", () -> ModelOptions.defaults(referenceModel, new LoraOption(), cache));
            plan.print(ModelOptions.defaults(model, lora, cache), reference, conf);
            return 0;
        }
        Path directory = directory(ModelLocation.of(model), DriverCopy::of);
        ModelLocation ofAdapter = lora.location();
        Path adapter =
                ofAdapter == null ? null : Refusal.about("--lora", () -> directory(ofAdapter, DriverCopy::ofAdapter));
        Console out = new Console(System.out);
        ModelConfig config = ModelConfig.read(directory);
        out.printf(
                "%s: %s%n", model == null ? directory : model, config.family().title());
        try (WeightFiles weights = open(out, directory, adapter, config)) {
            ModelConfig whole = config.with(weights);
            print(out, directory, whole);
            return print(out, whole, weights, adapter);
        }
    }

    /// Makes the driver's copy of what lies elsewhere.
    private interface Copying {
        Path copy(String uri, SparkConf conf, Path cache);
    }

    private Path directory(ModelLocation location, Copying elsewhere) {
        return switch (location) {
            case ModelLocation.Local local -> local.path();
            case ModelLocation.Remote remote -> {
                RunSettings settings = RunSettings.of(
                                new InputFormat(List.of(), "parquet", Map.of(), false), remote.uri())
                        .withConf(conf);
                yield elsewhere.copy(remote.uri(), CommandSession.configuration(settings), cache.here());
            }
        };
    }

    /// Opens the weights. If they cannot be opened, it shows what the config says all the same.
    private static WeightFiles open(Console out, Path directory, @Nullable Path adapter, ModelConfig config) {
        try {
            return WeightFiles.open(directory, config.family().names(), adapter);
        } catch (InvalidModelException e) {
            print(out, directory, config);
            throw e;
        }
    }

    private static void print(Console out, Path directory, ModelConfig config) {
        out.printf(
                "  shape        %d layers, hidden %,d%s, vocabulary %,d%s%n",
                config.layers(),
                config.hiddenSize(),
                config.denseLayers() == 0 ? "" : ", intermediate %,d".formatted(config.intermediateSize()),
                config.vocabSize(),
                config.headless() ? ", no head" : config.tiedEmbeddings() ? ", tied head" : "");
        config.mixture().ifPresent(mixture -> printMixture(out, config, mixture));
        out.printf(
                "  attention    %d query heads, %d key/value heads of %d%n",
                config.attention().heads(),
                config.attention().keyValueHeads(),
                config.attention().headDim());
        out.printf(
                "  context      %,d tokens, rotary embedding %s%n",
                config.maxPositions(),
                switch (config.rope()) {
                    case Rope.Plain plain -> "base %,.0f".formatted(plain.theta());
                    case Rope.Yarn yarn ->
                        "base %,.0f, YaRN factor %s over %,d"
                                .formatted(yarn.theta(), yarn.factor(), yarn.originalPositions());
                });
        out.printf(
                "  end of text  %s%n",
                config.eosTokenIds().isEmpty() ? "none: documents are scored without a prefix" : config.eosTokenIds());
        long parameters = TensorPlan.of(config).parameters();
        long active = TensorPlan.activeParameters(config);
        out.printf(
                "  parameters   %,d%s%n",
                parameters, active == parameters ? "" : ", of which %,d take part in a token".formatted(active));
        out.printf(
                "  arithmetic   %,.2f GFLOP a token for products with weights, and what attention adds%n",
                TensorPlan.flopsPerToken(config) / 1e9);
        out.printf(
                "  precision    this machine has instructions for %s%n",
                KernelChoice.fastPrecisions().stream().map(Precision::toString).collect(Collectors.joining(", ")));
        ModelWarnings.of(directory, config).forEach(warning -> out.println("  warning      " + warning));
    }

    private static void printMixture(Console out, ModelConfig config, MixtureShape mixture) {
        out.printf(
                "  experts      %d of %d for a token, intermediate %,d, in %d of %d layers%s%n",
                mixture.perToken(),
                mixture.experts(),
                mixture.intermediateSize(),
                mixture.layers().size(),
                config.layers(),
                mixture.normalised() ? ", shares normalised" : "");
    }

    private int print(Console out, ModelConfig config, WeightFiles weights, @Nullable Path adapter) {
        List<String> differences = TensorPlan.of(config).differences(weights);
        PackedLayout layout = layout(config, weights, differences.isEmpty(), WeightEncoding.STORED);
        switch (weights) {
            case Checkpoint checkpoint -> {
                Optional<String> scheme = checkpoint.quantization().map(Quantization::title);
                out.printf(
                        "  weights      %s in %d file(s), %s on disk%n",
                        scheme.map(title -> title + ",").orElse(String.join(", ", weights.numberFormats())),
                        checkpoint.files().size(),
                        ByteCount.text(checkpoint.fileBytes()));
                printAdapter(out, checkpoint);
                if (differences.isEmpty()) {
                    printKept(out, layout, scheme.isPresent());
                }
            }
            case PackedFile packed ->
                out.printf(
                        "  weights      %s, packed, %s on disk%n", formats(layout), ByteCount.text(packed.fileBytes()));
        }
        if (weights instanceof PackedFile packed) {
            packed.adapter()
                    .ifPresent(sha256 -> out.printf(
                            "  adapter      a LoRA adapter is merged into the weights, sha256 %.12s%n", sha256));
            packed.fidelity().ifPresent(fidelity -> printFidelity(out, fidelity));
        }
        out.printf(
                "  memory       %s of weights, mapped once on each host%s%n",
                ByteCount.text(layout.bytes()),
                weights instanceof PackedFile
                        ? ""
                        : Stream.of(WeightEncoding.INT8, WeightEncoding.INT4)
                                .map(encoding -> "; %s with --weights %s"
                                        .formatted(
                                                ByteCount.text(layout(config, weights, differences.isEmpty(), encoding)
                                                        .bytes()),
                                                encoding))
                                .collect(Collectors.joining()));
        MemoryNeeds memory = new MemoryNeeds(out, config, layout.bytes());
        memory.printScoring();
        memory.printContainer();
        if (referenceModel != null) {
            printReference(memory, referenceModel);
        }
        StreamingForecast.of(
                        config,
                        layout,
                        weights.files().getLast(),
                        ExecutorOptions.DEFAULT_BATCH_TOKENS,
                        Runtime.getRuntime().availableProcessors())
                .ifPresent(memory::printStreaming);
        memory.printGeneration();

        boolean fits = printGpus(out, gpus.fits(config, layout));
        boolean usable = printTokenizer(out, config, weights.model());
        usable = printEmbeddings(out, config, weights.model()) && usable;
        if (differences.isEmpty()) {
            out.printf("  tensors      all %,d are there%n", weights.tensors().size());
            if (weights instanceof Checkpoint) {
                printCached(out, weights.model(), adapter);
            }
        } else {
            out.printf("  tensors      %,d fault(s)%n", differences.size());
            differences.stream().limit(SHOWN_FAULTS).forEach(fault -> out.println("               " + fault));
            if (differences.size() > SHOWN_FAULTS) {
                out.printf("               and %,d more%n", differences.size() - SHOWN_FAULTS);
            }
        }
        return usable && fits && differences.isEmpty() ? 0 : 1;
    }

    /// Prints how the model fits into GPUs, and returns whether it fits into all of them.
    private static boolean printGpus(Console out, List<GpuFit> fits) {
        for (GpuFit fit : fits) {
            out.println("  gpu          " + fit.lines().getFirst());
            fit.lines().stream().skip(1).forEach(line -> out.println("               " + line));
        }
        return fits.stream().allMatch(GpuFit::fits);
    }

    /// Prints what the adapter is that a run would merge.
    private void printAdapter(Console out, Checkpoint checkpoint) {
        AdapterFiles files = checkpoint.adapter().orElse(null);
        LoraAdapter adapter = checkpoint.lora().orElse(null);
        if (files != null && adapter != null) {
            out.printf(
                    "  adapter      %s: LoRA, %s; it fits%n"
                            + "               %,d parameters for %,d matrices, which become float32, sha256 %.12s%n",
                    files.directory(),
                    adapter.title(),
                    adapter.parameters(),
                    adapter.modules(),
                    files.sha256(cache.here()));
        }
    }

    private static void printFidelity(Console out, Fidelity fidelity) {
        FidelityText.lines(fidelity).forEach(line -> out.println("               " + line));
    }

    /// The layout of the weights that a run would have; an estimate if tensors are missing.
    private static PackedLayout layout(
            ModelConfig config, WeightFiles weights, boolean whole, WeightEncoding encoding) {
        if (whole) {
            return Weights.layout(config, weights, encoding);
        }
        DType widest = weights.numberFormats().equals(Set.of(DType.BF16.name())) ? DType.BF16 : DType.F32;
        return Weights.layout(config, widest, encoding);
    }

    /// The formats of the matrices and the size of each format's, such as `INT4 1.8 GiB, INT8 0.4 GiB`.
    private static String formats(PackedLayout layout) {
        SortedMap<String, Long> bytes = new TreeMap<>();
        for (PackedTensor tensor : layout.tensors()) {
            if (isMatrix(tensor)) {
                bytes.merge(tensor.numberFormat(), tensor.bytes(), Long::sum);
            }
        }
        return bytes.size() == 1
                ? bytes.firstKey()
                : bytes.entrySet().stream()
                        .map(entry -> entry.getKey() + " " + ByteCount.text(entry.getValue()))
                        .collect(Collectors.joining(", "));
    }

    private static boolean isMatrix(PackedTensor tensor) {
        return tensor.shape().size() == 2;
    }

    /// Prints how many matrices keep the integers of a quantized checkpoint, and in which formats they all are.
    ///
    /// @param quantized whether the checkpoint is quantized as a whole; a GGUF file tells it by what is kept
    private static void printKept(Console out, PackedLayout layout, boolean quantized) {
        long kept =
                layout.tensors().stream().filter(tensor -> tensor.form().kept()).count();
        if (quantized || kept > 0) {
            out.printf(
                    "               packed as %s; %,d of %,d matrices keep their integers%n",
                    formats(layout),
                    kept,
                    layout.tensors().stream().filter(InspectCommand::isMatrix).count());
        }
    }

    private void printReference(MemoryNeeds memory, String given) {
        Path directory = Refusal.about("--reference-model", () -> directory(ModelLocation.of(given), DriverCopy::of));
        ModelConfig stated = ModelConfig.read(directory);
        try (WeightFiles weights = WeightFiles.open(directory, stated.family().names())) {
            ModelConfig other = stated.with(weights);
            memory.printReference(
                    given,
                    other,
                    Weights.layout(other, weights, WeightEncoding.STORED).bytes());
        }
    }

    private void printCached(Console out, Path directory, @Nullable Path adapter) {
        boolean any = false;
        for (WeightEncoding encoding : WeightEncoding.values()) {
            try {
                Optional<Packing.Packed> packed = Packing.find(directory, adapter, encoding, cache.here());
                any |= packed.isPresent();
                packed.ifPresent(found -> out.printf(
                        "  packed       %s in the cache, %s%s%n",
                        ByteCount.text(found.bytes()),
                        found.file(),
                        encoding == WeightEncoding.STORED ? "" : ", --weights " + encoding));
            } catch (InvalidModelException e) {
                any = true;
                out.println("  packed       " + e.getMessage());
            }
        }
        if (!any) {
            out.printf("  packed       not in the cache %s yet; the first run packs it, or pack%n", cache.here());
        }
    }

    /// Prints what the files of a model for embeddings say; nothing for other models.
    private static boolean printEmbeddings(Console out, ModelConfig config, Path directory) {
        try {
            SentenceEncoder sentences = SentenceEncoder.read(directory);
            sentences.warnings().forEach(warning -> out.println("  warning      " + warning));
            if (sentences.published() || config.headless()) {
                out.printf(
                        "  embeddings   of the last token; %s%n",
                        sentences.prompts().isEmpty()
                                ? "no prompts"
                                : "prompts "
                                        + Quote.list(
                                                List.copyOf(sentences.prompts().keySet())));
            }
            return true;
        } catch (InvalidModelException e) {
            out.println("  embeddings   " + e.getMessage());
            return false;
        }
    }

    private static boolean printTokenizer(Console out, ModelConfig config, Path directory) {
        if (!TokenizerFiles.existIn(directory)) {
            out.println("  tokenizer    none: takes token ids only");
            return true;
        }
        try {
            int size = Tokenizer.ofModel(directory).vocabularySize();
            if (size > config.vocabSize()) {
                out.printf("  tokenizer    %,d tokens, more than the model's %,d%n", size, config.vocabSize());
                return false;
            }
            out.printf("  tokenizer    %,d tokens%n", size);
            return true;
        } catch (InvalidModelException e) {
            out.println("  tokenizer    " + e.getMessage());
            return false;
        }
    }
}
