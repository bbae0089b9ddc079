package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.checkpoint.PackingException;
import org.sparkqwen.engine.hostcache.CacheEviction;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.model.WeightEncoding;
import org.sparkqwen.engine.request.EngineOptions;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.ModelCopy;
import org.sparkqwen.engine.testing.PackedForgery;
import org.sparkqwen.engine.testing.Pipe;
import org.sparkqwen.engine.testing.Unwatched;
import org.sparkqwen.engine.testing.Writable;

/// Whatever others do to a cache, a model gives the same scores as without a cache.
class CacheAttackTest {
    private static final Path MODEL = Golden.DIRECTORY.resolve("models/dense-tied-f32");
    private static final int OTHER = 23_456;

    @TempDir
    private Path directory = Path.of("");

    private Path cache = Path.of("");
    private Path file = Path.of("");
    private List<Double> expected = List.of();
    private byte[] sound = {};
    private byte[] forged = {};

    /// Makes a cache with the packed file of the model, and a cache with a file of other weights that claims
    /// to be it.
    @BeforeEach
    void forge() throws IOException {
        cache = directory.resolve("cache");
        file = Packing.intoCache(MODEL, WeightEncoding.STORED, cache, new Unwatched())
                .file();
        sound = Files.readAllBytes(file);
        Path changed = Files.createDirectory(directory.resolve("changed"));
        ModelCopy.of(MODEL, changed).weights("model.safetensors", "model.norm.weight", 0, 0.5f, 2f, 0.25f);
        Path other = Packing.intoCache(changed, WeightEncoding.STORED, directory.resolve("other"), new Unwatched())
                .file();
        PackedForgery.claim(other, file);
        forged = Files.readAllBytes(other);
        expected = logProbabilities(null);
    }

    /// If the forgery were not accepted here, the attacks below would prove nothing.
    @Test
    void theForgeryIsAcceptedInTheUsersOwnCache() throws IOException {
        Files.write(Writable.file(file), forged);
        assertThat(logProbabilities(cache)).isNotEqualTo(expected);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "a file that others may write to",
                "a file of another user",
                "a link",
                "a directory",
                "a pipe",
                "a dangling link"
            })
    @Timeout(60)
    void aDoubtfulFileIsPackedAnew(String kind) throws IOException {
        Path elsewhere = Files.write(directory.resolve("elsewhere"), forged);
        Files.delete(file);
        switch (kind) {
            case "a file that others may write to" -> {
                Files.write(file, forged);
                Files.setAttribute(file, "unix:mode", 0666);
            }
            case "a file of another user" -> giveAway(Files.write(file, forged));
            case "a link" -> Files.createSymbolicLink(file, elsewhere);
            case "a directory" -> Files.createDirectory(file);
            case "a pipe" -> Pipe.make(file);
            default -> Files.createSymbolicLink(file, directory.resolve("absent"));
        }
        assertThat(Packing.find(MODEL, WeightEncoding.STORED, cache)).isEmpty();
        assertThat(logProbabilities(cache)).isEqualTo(expected);
        assertThat(Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)).isTrue();
        assertThat(Files.readAllBytes(file)).isEqualTo(sound);
        assertThat(Files.readAllBytes(elsewhere)).isEqualTo(forged);
        assertThat(Packing.intoCache(MODEL, WeightEncoding.STORED, cache, new Unwatched())
                        .made())
                .isFalse();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "a cache that others may write to",
                "a cache of another user",
                "a cache above which others may write",
                "a cache through a link of another user"
            })
    void anUntrustedCacheIsNotUsedAndOneLineSaysWhy(String kind) throws IOException {
        Path used = cache;
        switch (kind) {
            case "a cache that others may write to" -> Files.setAttribute(cache, "unix:mode", 01777);
            case "a cache of another user" -> giveAway(cache);
            case "a cache above which others may write" -> {
                Path above = Files.createDirectory(directory.resolve("above"));
                used = Files.move(cache, above.resolve("cache"));
                Files.setAttribute(above, "unix:mode", 0777);
            }
            default -> used = giveAway(Files.createSymbolicLink(directory.resolve("link"), cache));
        }
        Files.write(Writable.file(used.resolve(file.getFileName())), forged);
        assertThat(logProbabilities(used)).isEqualTo(expected);
        assertThat(Packing.find(MODEL, WeightEncoding.STORED, used)).isEmpty();
        Path attacked = used;
        assertThatThrownBy(() -> Packing.intoCache(MODEL, WeightEncoding.STORED, attacked, new Unwatched()))
                .isInstanceOf(PackingException.class)
                .hasMessageStartingWith(used + ": not used, because ")
                .hasMessageEndingWith("; another directory can be named with --cache-dir")
                .message()
                .doesNotContain("\n");
        CacheEviction.trim(used, 1);
        assertThat(used.resolve(file.getFileName())).exists(); // nothing is deleted there either
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2})
    @Timeout(120)
    void randomAttacksEndWithTheRightValues(long seed) throws IOException {
        attack(seed, 10);
    }

    @Tag("slow")
    @ParameterizedTest
    @ValueSource(longs = {11, 12, 13, 14})
    void manyRandomAttacksEndWithTheRightValues(long seed) throws IOException {
        attack(seed, 250);
    }

    /// Replaces anything in the cache at random by something that would be accepted, followed or waited for.
    private void attack(long seed, int rounds) throws IOException {
        Random random = new Random(seed);
        for (int round = 0; round < rounds; round++) {
            List<Path> all = content();
            for (int i = 0; i <= random.nextInt(3); i++) {
                replace(all.get(random.nextInt(all.size())), random);
            }
            assertThat(logProbabilities(cache))
                    .as("seed %d, round %d", seed, round)
                    .isEqualTo(expected);
            CacheEviction.trim(cache, random.nextInt(3) == 0 ? 1 : 0);
            assertThat(Files.readAllBytes(directory.resolve("kept"))).isEqualTo(forged);
        }
    }

    private List<Path> content() throws IOException {
        Files.write(directory.resolve("kept"), forged);
        String key = String.valueOf(file.getFileName()).substring(0, 64);
        List<Path> possible = Stream.of(".packed", ".use", ".lock", ".tmp")
                .map(ending -> cache.resolve(key + ending))
                .toList();
        Path stamps = cache.resolve("stamps");
        if (!Files.isDirectory(stamps, LinkOption.NOFOLLOW_LINKS)) {
            return possible;
        }
        try (Stream<Path> files = Files.list(stamps)) {
            return Stream.concat(possible.stream(), files.sorted()).toList();
        }
    }

    private void replace(Path path, Random random) throws IOException {
        if (Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
            try (Stream<Path> files = Files.list(path)) {
                for (Path each : files.toList()) {
                    Files.delete(each);
                }
            }
        }
        Files.deleteIfExists(path);
        switch (random.nextInt(7)) {
            case 0 -> Files.createDirectory(path);
            case 1 -> Files.writeString(Files.createDirectory(path).resolve("x"), "x");
            case 2 -> Pipe.make(path);
            case 3 -> Files.createSymbolicLink(path, directory.resolve("kept"));
            case 4 -> Files.createSymbolicLink(path, directory.resolve("absent"));
            case 5 -> {
                byte[] bytes = new byte[random.nextInt(300)];
                random.nextBytes(bytes);
                Files.write(path, bytes);
            }
            default -> {
                Files.write(path, forged);
                Files.setAttribute(path, "unix:mode", 0666);
            }
        }
    }

    private static Path giveAway(Path path) throws IOException {
        assumeTrue(
                Files.getAttribute(path, "unix:uid", LinkOption.NOFOLLOW_LINKS).equals(0), "only root can");
        Files.setAttribute(path, "unix:uid", OTHER, LinkOption.NOFOLLOW_LINKS);
        return path;
    }

    private static List<Double> logProbabilities(@Nullable Path cache) {
        EngineOptions options = new EngineOptions(KernelChoice.VECTOR, 2, 256, 8).withCache(cache);
        int[] tokens = {1, 200, 31, 32, 33, 64, 250, 7, 7, 90, 127, 128};
        try (Engine engine = Engine.open(MODEL, options)) {
            return Arrays.stream(Golden.scored(engine, tokens, Golden.unprefixed(64, 32))
                            .score()
                            .tokenLogProbabilities())
                    .boxed()
                    .toList();
        }
    }
}
