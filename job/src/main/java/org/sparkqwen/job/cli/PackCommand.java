package org.sparkqwen.job.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.Engine;
import org.sparkqwen.engine.Packing;
import org.sparkqwen.engine.Packing.Packed;
import org.sparkqwen.engine.checkpoint.Fidelity;
import org.sparkqwen.engine.checkpoint.PackedFile;
import org.sparkqwen.engine.checkpoint.PackingException;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.model.WeightEncoding;
import org.sparkqwen.engine.request.EngineOptions;
import org.sparkqwen.engine.run.ModelWarnings;
import org.sparkqwen.job.cli.report.FidelityText;
import org.sparkqwen.job.failure.Console;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.failure.Warnings;
import org.sparkqwen.job.model.ExecutorOptions;
import org.sparkqwen.job.progress.CompareDisplay;
import org.sparkqwen.job.progress.PackingDisplay;
import org.sparkqwen.job.storage.SampleCorpus;
import org.sparkqwen.job.storage.SampleModel;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
        name = "pack",
        sortOptions = false,
        description = {
            "Writes the weights of a model in the form that runs map into memory, or checks that form."
                    + " The first run on a host otherwise does this by itself.",
            "",
            "Without --output, the weights go into the cache of this host. With it, pack creates a"
                    + " model directory that needs neither the published weights nor a cache, for a path that"
                    + " every host sees.",
            ""
        },
        footer = {
            "",
            "Examples:",
            "  ./spark-qwen pack --model Qwen3-4B-Base --output /shared/Qwen3-4B-Base-packed",
            "  ./spark-qwen pack --model Qwen3-4B-Base --weights int4 --output /shared/Qwen3-4B-Base-int4",
            "  ./spark-qwen pack --model Qwen3-4B-Base --lora adapter --output /shared/Qwen3-4B-adapted"
        })
final class PackCommand implements Callable<Integer> {
    @Option(
            names = "--model",
            paramLabel = "DIR",
            description = "The model is this Hugging Face directory, or a GGUF file, on this machine. A packed one is"
                    + " checked. Default: the small sample model.")
    private @Nullable Path model;

    @Mixin
    private LoraOption lora = new LoraOption();

    @Option(
            names = "--output",
            paramLabel = "DIR",
            description = "pack creates this model directory, which needs neither the published weights nor a cache."
                    + " Default: the cache.")
    private @Nullable Path output;

    @Option(
            names = "--weights",
            paramLabel = "ENCODING",
            defaultValue = "stored",
            description = "This option says in which encoding the weights are packed. stored keeps all numbers. int8"
                    + " and int4 round matrices to 8 and 4 bits, with a scale for each 128 and 32 inputs. Runs"
                    + " find weights in the cache if they have the same option. Default: ${DEFAULT-VALUE}.")
    private WeightEncoding weights = WeightEncoding.STORED;

    @Option(
            names = "--verify",
            description = "pack reads what it wrote and compares every checksum. A file that was there before is"
                    + " always checked. With --weights int8 or int4, pack then compares the packed model with the"
                    + " published one on a text, token by token, and keeps the result in the packed file, where"
                    + " inspect shows it.")
    private boolean verify;

    @Option(
            names = "--verify-text",
            paramLabel = "FILE",
            description = "With --verify, the models are compared on this text file in UTF-8. Default: the sample"
                    + " documents.")
    private @Nullable Path verifyText;

    @Option(
            names = "--verify-tokens",
            paramLabel = "N",
            defaultValue = "8192",
            description = "With --verify, the models are compared on the first N tokens or a few more. Default:"
                    + " ${DEFAULT-VALUE}.")
    private int verifyTokens;

    @Mixin
    private CacheOption cache = new CacheOption();

    @Override
    public Integer call() {
        Path directory = model == null ? SampleModel.directory() : model;
        if (verifyTokens < 1) {
            throw Refusal.usage("--verify-tokens must be at least 1, not " + verifyTokens);
        }
        if (verifyText != null && (!verify || weights == WeightEncoding.STORED)) {
            throw Refusal.usage("--verify-text belongs to --verify and --weights int8 or int4");
        }
        Path packed = directory.resolve(PackedFile.NAME);
        if (Files.exists(packed)) {
            if (lora.directory() != null) {
                throw Refusal.usage(
                        "--model %s is packed already, so no adapter can be merged into it; take the one it was packed from"
                                .formatted(directory));
            }
            if (output != null) {
                throw Refusal.usage("--model %s is packed already; copy it to --output".formatted(directory));
            }
            check(packed);
            return 0;
        }
        new Warnings(System.err).addAll(ModelWarnings.of(directory));
        long start = System.nanoTime();
        Packed result = pack(directory);
        Duration elapsed = Duration.ofNanos(System.nanoTime() - start);
        if (result.made()) {
            new Console(System.out).printf("Packed %s: %s%n", result.file(), rate(result.bytes(), elapsed));
        } else {
            new Console(System.out).printf("%s was there already%n", result.file());
        }
        if (verify || !result.made()) {
            check(result.file());
        }
        if (verify && weights != WeightEncoding.STORED) {
            compare(directory, result.file());
        }
        return 0;
    }

    /// Compares the packed model with the published one, which the cache gets if it has not got it.
    private void compare(Path directory, Path file) {
        String name = verifyText == null ? "the sample documents" : verifyText.toString();
        List<String> texts = verifyText == null ? SampleCorpus.texts() : List.of(text(verifyText));
        EngineOptions options = new EngineOptions(
                        KernelChoice.AUTO,
                        Runtime.getRuntime().availableProcessors(),
                        ExecutorOptions.DEFAULT_BATCH_TOKENS,
                        1)
                .withAdapter(lora.directory())
                .withCache(cache.here());
        Fidelity fidelity;
        CompareDisplay display = new CompareDisplay(System.err, verifyTokens);
        try (Engine published = Engine.open(directory, options);
                Engine packed = output == null
                        ? Engine.open(directory, options.withWeights(weights))
                        : Engine.open(output, options.withAdapter(null))) {
            fidelity = Packing.compare(published, packed, name, texts.iterator(), verifyTokens, display::compared);
        } catch (IllegalArgumentException e) {
            throw Refusal.usage("--verify: " + e.getMessage());
        }
        try (PackedFile packed = PackedFile.open(file)) {
            packed.keep(fidelity);
        } catch (PackingException e) {
            throw Refusal.failure(String.valueOf(e.getMessage()));
        }
        Console out = new Console(System.out);
        List<String> lines = FidelityText.lines(fidelity);
        out.printf("Compared %s%n", lines.getFirst().substring("compared ".length()));
        lines.stream().skip(1).forEach(line -> out.println("  " + line));
    }

    private static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw Refusal.usage("--verify-text %s cannot be read as UTF-8: %s".formatted(file, e));
        }
    }

    private Packed pack(Path directory) {
        try (PackingDisplay display = PackingDisplay.of("pack")) {
            return output == null
                    ? Packing.intoCache(directory, lora.directory(), weights, cache.here(), display)
                    : Packing.intoDirectory(directory, lora.directory(), weights, output, cache.here(), display);
        } catch (PackingException e) {
            throw Refusal.failure(String.valueOf(e.getMessage()));
        } catch (IllegalArgumentException e) {
            throw Refusal.usage("--output: " + e.getMessage());
        }
    }

    private static void check(Path file) {
        long start = System.nanoTime();
        long bytes;
        try (PackingDisplay display = PackingDisplay.of("check")) {
            bytes = Packing.verify(file, display);
        }
        Duration elapsed = Duration.ofNanos(System.nanoTime() - start);
        new Console(System.out).printf("Checked %s: %s, every checksum is right%n", file, rate(bytes, elapsed));
    }

    /// Formats a rate, such as `8.05 GB in 12.1 s, 0.67 GB/s`.
    private static String rate(long bytes, Duration elapsed) {
        return "%.2f GB in %.1f s, %s"
                .formatted(bytes / 1e9, elapsed.toNanos() / 1e9, PackingDisplay.rate(bytes, elapsed));
    }
}
