package org.sparkqwen.engine.hostcache;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.engine.Packing;
import org.sparkqwen.engine.checkpoint.PackedFile;
import org.sparkqwen.engine.disk.MakingLock;
import org.sparkqwen.engine.disk.UseLock;
import org.sparkqwen.engine.model.WeightEncoding;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.OtherJvm;
import org.sparkqwen.engine.testing.Unwatched;

/// The files that eviction deletes from a cache, and those that it keeps.
class CacheEvictionTest {
    private static final String A = "a".repeat(64);
    private static final String B = "b".repeat(64);
    private static final String C = "c".repeat(64);

    @TempDir
    private Path cache = Path.of("");

    @Test
    void theLongestUnusedGoFirstUntilTheRestFits() throws IOException {
        model(A, 1000, Duration.ofDays(3));
        packed(B, 1000, Duration.ofDays(2));
        model(C, 1000, Duration.ofDays(1));
        CacheEviction.trim(cache, 2500);
        assertThat(content()).containsExactlyInAnyOrder(B + ".packed", C);
        CacheEviction.trim(cache, 1000);
        assertThat(content()).containsExactlyInAnyOrder(C);
    }

    @Test
    void whatWasNotUsedForThirtyDaysGoesHoweverMuchRoomThereIs() throws IOException {
        model(A, 10, Duration.ofDays(31));
        packed(B, 10, Duration.ofDays(31));
        packed(C, 10, Duration.ofDays(29));
        CacheEviction.trim(cache, 0);
        assertThat(content()).containsExactly(C + ".packed");
    }

    @Test
    void useIsWhatCountsNotTheTimeOfTheFile() throws IOException {
        model(A, 10, Duration.ofDays(100));
        UseLock.share(use(A)).close();
        CacheEviction.trim(cache, 0);
        assertThat(content()).containsExactly(A);
    }

    @Test
    void whatThisProcessUsesStays() throws IOException {
        model(A, 1000, Duration.ofDays(100));
        try (UseLock _ = UseLock.share(use(A))) {
            UseLock.share(use(A)).close();
            CacheEviction.trim(cache, 1);
            assertThat(content()).containsExactly(A);
        }
        CacheEviction.trim(cache, 1);
        assertThat(content()).isEmpty();
    }

    @Test
    void whatAnotherProcessUsesStaysUntilThatIsKilled() throws IOException, InterruptedException {
        model(A, 1000, Duration.ofDays(100));
        Process other = OtherJvm.start(Other.class, List.of(), use(A).toString());
        try (BufferedReader lines =
                new BufferedReader(new InputStreamReader(other.getInputStream(), StandardCharsets.UTF_8))) {
            assertThat(lines.lines().anyMatch("uses"::equals)).isTrue();
            CacheEviction.trim(cache, 1);
            assertThat(content()).containsExactly(A);
        } finally {
            other.destroyForcibly();
        }
        other.waitFor();
        CacheEviction.trim(cache, 1);
        assertThat(content()).isEmpty();
    }

    @Test
    void aPackedFileThatIsMappedStays() throws Exception {
        Packing.intoCache(Golden.SMALL_MODEL, WeightEncoding.STORED, cache, new Unwatched());
        PackedFile mapped = mapped();
        CacheEviction.trim(cache, 1);
        assertThat(content()).hasSize(1);
        mapped.close();
        CacheEviction.trim(cache, 1);
        assertThat(content()).isEmpty();
    }

    private PackedFile mapped() throws IOException {
        Path file = cache.resolve(content().getFirst());
        return PackedFile.open(file, UseLock.share(CacheEntry.useOf(file)));
    }

    @Test
    void whatKilledProcessesLeftGoesUnlessSomebodyWorksOnIt() throws IOException {
        age(Files.write(cache.resolve(A + ".tmp"), new byte[1000]), Duration.ofDays(2));
        model(B + ".part", 1000, Duration.ofDays(1));
        try (MakingLock _ = MakingLock.acquire(cache.resolve(A + ".lock"), "tests")) {
            CacheEviction.trim(cache, 1);
            assertThat(content()).contains(A + ".tmp");
        }
        CacheEviction.trim(cache, 1);
        assertThat(content()).isEmpty();
    }

    @Test
    void nothingIsDeletedForRoomThatAllOfItWouldNotMake() throws IOException {
        model(A, 1000, Duration.ofDays(3));
        CacheEviction.makeRoom(cache, 1L << 60);
        assertThat(content()).containsExactly(A);
        CacheEviction.makeRoom(cache, 1);
        assertThat(content()).containsExactly(A);
    }

    @Test
    void aCacheBehindALinkIsTrimmedAndOneThatOthersMayWriteToIsNot() throws IOException {
        Path link = Files.createSymbolicLink(cache.resolve("link"), cache);
        model(A, 1000, Duration.ofDays(3));
        model(B, 1000, Duration.ofDays(2));
        Files.setAttribute(cache.resolve("models"), "unix:mode", 0777);
        CacheEviction.trim(link, 1);
        assertThat(content()).contains(A, B);
        Files.setAttribute(cache.resolve("models"), "unix:mode", 0755);
        CacheEviction.trim(link, 1);
        assertThat(content()).containsExactly("link");
    }

    /// The target of a link is never deleted.
    @Test
    void ofALinkNothingGoesButItself() throws IOException {
        Path elsewhere = Files.createDirectory(cache.resolve("elsewhere"));
        age(Files.write(elsewhere.resolve("kept"), new byte[1000]), Duration.ofDays(100));
        Files.createSymbolicLink(Files.createDirectory(cache.resolve("models")).resolve(A), elsewhere);
        Files.createSymbolicLink(cache.resolve(B + ".packed"), elsewhere.resolve("kept"));
        CacheEviction.trim(cache, 1);
        assertThat(content()).containsExactly("elsewhere");
        assertThat(elsewhere.resolve("kept")).exists();
    }

    @Test
    void otherFilesOfTheCacheAreLeftAlone() throws IOException {
        age(Files.write(cache.resolve("notes.packed"), new byte[1000]), Duration.ofDays(100));
        CacheEviction.trim(cache, 1);
        assertThat(cache.resolve("notes.packed")).exists();
    }

    private void model(String name, int bytes, Duration age) throws IOException {
        Path directory = Files.createDirectories(cache.resolve("models").resolve(name));
        age(Files.write(directory.resolve("model.safetensors"), new byte[bytes]), age);
    }

    private void packed(String key, int bytes, Duration age) throws IOException {
        age(Files.write(cache.resolve(key + ".packed"), new byte[bytes]), age);
    }

    private static void age(Path file, Duration age) throws IOException {
        Files.setLastModifiedTime(file, FileTime.from(Instant.now().minus(age)));
    }

    private Path use(String key) {
        return cache.resolve("models").resolve(key + ".use");
    }

    /// Returns the entries that take room.
    private List<String> content() throws IOException {
        try (Stream<Path> packed = Files.list(cache);
                Stream<Path> models = Files.exists(cache.resolve("models"))
                        ? Files.list(cache.resolve("models"))
                        : Stream.<Path>empty()) {
            return Stream.concat(packed, models)
                    .map(path -> String.valueOf(path.getFileName()))
                    .filter(name -> !name.matches("models|stamps|.*\\.(use|lock)"))
                    .toList();
        }
    }

    /// The program of the other JVM.
    static final class Other {
        private Other() {}

        public static void main(String[] args) {
            try (UseLock _ = UseLock.share(Path.of(args[0]))) {
                UseLock.share(Path.of(args[0])).close(); // a second user takes nothing from the first
                System.out.println("uses");
                while (true) {
                    LockSupport.park();
                }
            }
        }
    }
}
