package org.sparkqwen.job.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.storage.CacheDirectory;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LittleModel;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.MappedPages;
import org.sparkqwen.job.testing.ShortCorpus;
import org.sparkqwen.job.testing.SparkProcess;
import org.sparkqwen.job.testing.StandaloneCluster;

/// The distribution of a model to executors that are separate processes: with a cache each, as on two hosts, and with
/// one for both, as on one host.
class DistributionIT {

    @TempDir
    private Path directory = Path.of("");

    /// The test has all that two hosts do, so that one cluster suffices. `ClusterIT` has a model that both see.
    @Test
    @Tag("slow")
    void hostsThatShareNothingGetOneCopyEachAndScoreWhatALocalRunScores() throws IOException {
        try (StandaloneCluster cluster = StandaloneCluster.start(
                directory,
                worker -> Map.of(CacheDirectory.VARIABLE, cache(worker).toString()))) {

            Path fetched = modelVariant(LittleModel.directory(), "fetched");
            CommandRun fetch = score(cluster, "fetch", fetched.toUri().toString(), "fetched");
            assertThat(fetch.exitCode()).as(fetch.out()).isZero();
            assertScored("fetched");
            assertThat(copies(1)).hasSize(1).isEqualTo(copies(2));

            // This path leads to a different place in each process.
            Path work = Files.createDirectories(Path.of("target/distribution"));
            Path link = work.resolve("model-" + ProcessHandle.current().pid());
            Files.deleteIfExists(link);
            Files.createSymbolicLink(link, modelVariant(LittleModel.directory(), "unseen"));
            String unseen = "/proc/self/cwd/" + link;
            assumeTrue(Files.isDirectory(Path.of(unseen)), "no /proc here");
            CommandRun auto = score(cluster, "auto", unseen, "unseen");
            assertThat(auto.exitCode()).as(auto.out()).isZero();
            assertThat(auto.out())
                    .contains("Model distribution: broadcast, for %s is not on 2 of 2 executors".formatted(unseen));
            assertScored("unseen");
            assertThat(copies(1)).hasSize(2).isEqualTo(copies(2));

            CommandRun shared = score(cluster, "shared", unseen, "shared");
            assertThat(shared.exitCode()).isEqualTo(1);
            assertThat(shared.out()).contains(unseen + ": not on host", "fetch or broadcast brings it there");
            Files.delete(link);
        }
    }

    @Test
    @Tag("slow")
    void executorsOfOneHostMapTheSamePages() throws IOException {
        assumeTrue(MappedPages.known(), "no /proc/self/smaps here");
        try (StandaloneCluster cluster = StandaloneCluster.start(
                        directory, worker -> Map.of(CacheDirectory.VARIABLE, cache(1).toString()));
                SparkProcess run = cluster.startSubmit(
                        "generate",
                        "--model",
                        modelVariant(LocalSpark.MODEL, "mapped").toString(),
                        "--model-distribution",
                        "broadcast",
                        "--input",
                        LocalSpark.PROMPTS,
                        "--output",
                        directory.resolve("texts").toString(),
                        "--samples",
                        "100",
                        "--ignore-eos",
                        "--max-new-tokens",
                        "100",
                        "--temperature",
                        "1")) {
            List<MappedPages> pages = awaitBoth(cluster, run);
            assertThat(pages.getFirst().inode()).isEqualTo(pages.getLast().inode());
            long file = packedBytes() / 1024;
            System.out.printf("packed file %,d kB; smaps of the executors: %s%n", file, pages);
            for (MappedPages each : pages) {
                assertThat(each.get("Private_Dirty")).isZero();
                assertThat(each.get("Pss")).isLessThan(each.get("Rss") * 6 / 10);
            }
            assertThat(pages.stream().mapToLong(each -> each.get("Pss")).sum()).isLessThanOrEqualTo(file + file / 10);
            assertThat(copies(1)).hasSize(1);
        }
    }

    /// Waits until both executors have read all of their weights.
    private List<MappedPages> awaitBoth(StandaloneCluster cluster, SparkProcess run) throws IOException {
        Instant deadline = Instant.now().plus(Duration.ofMinutes(2));
        while (Instant.now().isBefore(deadline) && run.isAlive()) {
            List<MappedPages> pages = new ArrayList<>();
            cluster.executors().forEach(executor -> pages.addAll(MappedPages.of(executor)));
            long file = packedBytes() / 1024;
            if (pages.size() == 2 && pages.stream().allMatch(each -> each.get("Rss") > file * 9 / 10)) {
                return pages;
            }
            SparkProcess.sleep(100);
        }
        throw new AssertionError("two executors never had the weights mapped at once:\n" + run.output());
    }

    /// Returns the size of the single packed file of the first cache; 0 before there is one.
    private long packedBytes() throws IOException {
        if (!Files.exists(cache(1))) {
            return 0;
        }
        try (Stream<Path> content = Files.list(cache(1))) {
            List<Path> packed =
                    content.filter(file -> file.toString().endsWith(".packed")).toList();
            assertThat(packed).hasSizeLessThan(2);
            return packed.isEmpty() ? 0 : Files.size(packed.getFirst());
        }
    }

    private CommandRun score(StandaloneCluster cluster, String way, String model, String output) {
        return cluster.submit(
                "score",
                "--model",
                model,
                "--model-distribution",
                way,
                "--input",
                ShortCorpus.file(),
                "--output",
                directory.resolve(output).toString(),
                "--token-logprobs",
                "--kernels",
                "scalar");
    }

    private void assertScored(String output) {
        ShortCorpus.assertScored(
                LocalSpark.session().read().parquet(directory.resolve(output).toString()));
    }

    private Path cache(int worker) {
        return directory.resolve("cache-" + worker);
    }

    /// Returns the names of a worker's copies.
    private List<String> copies(int worker) throws IOException {
        try (Stream<Path> content = Files.list(cache(worker).resolve("models"))) {
            return content.filter(Files::isDirectory)
                    .map(copy -> String.valueOf(copy.getFileName()))
                    .sorted()
                    .toList();
        }
    }

    /// Returns a copy of a model with a file that gives it another fingerprint.
    private Path modelVariant(Path original, String name) throws IOException {
        Path model = Files.createDirectories(directory.resolve("models").resolve(name));
        try (Stream<Path> files = Files.list(original)) {
            for (Path file : files.toList()) {
                Files.copy(file, model.resolve(file.getFileName()));
            }
        }
        Files.writeString(model.resolve("chat_template.jinja"), "{# %s #}".formatted(name));
        return model;
    }
}
