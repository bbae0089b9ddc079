package org.sparkqwen.job.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.Packing;
import org.sparkqwen.engine.Packing.Packed;
import org.sparkqwen.engine.checkpoint.PackedFile;
import org.sparkqwen.engine.checkpoint.PackingException;
import org.sparkqwen.engine.model.WeightEncoding;
import org.sparkqwen.engine.run.ModelWarnings;
import org.sparkqwen.job.failure.Console;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.failure.Warnings;
import org.sparkqwen.job.progress.PackingDisplay;
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
            "  ./spark-qwen pack --model Qwen3-4B-Base",
            "  ./spark-qwen pack --model Qwen3-4B-Base --output /shared/Qwen3-4B-Base-packed",
            "  ./spark-qwen pack --model Qwen3-4B-Base --weights int4 --output /shared/Qwen3-4B-Base-int4"
        })
final class PackCommand implements Callable<Integer> {
    @Option(
            names = "--model",
            paramLabel = "DIR",
            description = "The model is this Hugging Face directory, or a GGUF file, on this machine. A packed one is"
                    + " checked. Default: the small sample model.")
    private @Nullable Path model;

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
                    + " always checked.")
    private boolean verify;

    @Mixin
    private CacheOption cache = new CacheOption();

    @Override
    public Integer call() {
        Path directory = model == null ? SampleModel.directory() : model;
        Path packed = directory.resolve(PackedFile.NAME);
        if (Files.exists(packed)) {
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
        return 0;
    }

    private Packed pack(Path directory) {
        try (PackingDisplay display = PackingDisplay.of("pack")) {
            return output == null
                    ? Packing.intoCache(directory, weights, cache.here(), display)
                    : Packing.intoDirectory(directory, weights, output, cache.here(), display);
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
