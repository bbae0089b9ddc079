package org.sparkqwen.engine.disk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.testing.Pipe;

/// The owners whose cache files are trusted, and the files that are never opened there.
class CacheTrustTest {
    private static final int OTHER = 23_456;

    @TempDir
    private Path directory = Path.of("");

    @ParameterizedTest
    @CsvSource({
        "755, 755, ''",
        "700, 700, ''",
        "500, 755, ''",
        "755, 1777, ''",
        "755, 1775, ''",
        "775, 755, cache",
        "757, 755, cache",
        "777, 755, cache",
        "1777, 755, cache",
        "2775, 755, cache",
        "755, 775, above",
        "755, 777, above",
        "700, 757, above"
    })
    void aDirectoryCountsIfNobodyElseMayWriteToItOrReplaceIt(String mode, String modeAbove, String doubted)
            throws IOException {
        Path above = Files.createDirectory(directory.resolve("above"));
        Path cache = Files.createDirectory(above.resolve("cache"));
        mode(cache, mode);
        mode(above, modeAbove);
        assertThat(CacheTrust.doubtOfDirectory(cache).orElse(""))
                .isEqualTo(
                        doubted.isEmpty()
                                ? ""
                                : "other users may write to %s (mode %s); chmod go-w takes that from them"
                                        .formatted(
                                                doubted.equals("cache") ? cache : above,
                                                doubted.equals("cache") ? mode : modeAbove));
        assertThat(CacheTrust.doubtOfDirectory(cache.resolve("models")).isPresent())
                .isEqualTo(!doubted.isEmpty() && !mode.startsWith("1"));
        mode(above, "755");
    }

    @Test
    void whatOnlyRootCanChangeIsSaid() throws IOException {
        assumeTrue(!isRoot(), "for root, everything is its own");
        assertThat(CacheTrust.doubtOfDirectory(Path.of("/tmp")))
                .contains("other users may write to /tmp (mode 1777); root can take that from them with chmod go-w");
    }

    @ParameterizedTest
    @CsvSource({"600, true", "444, true", "644, true", "664, false", "646, false", "666, false"})
    void aFileCountsIfNobodyElseMayWriteToIt(String mode, boolean counts) throws IOException {
        Path file = Files.createFile(directory.resolve("file"));
        mode(file, mode);
        assertThat(CacheTrust.doubtOfFile(file).isEmpty()).isEqualTo(counts);
    }

    @ParameterizedTest
    @ValueSource(strings = {"the file", "the directory", "the one above", "the link"})
    void whatBelongsToOthersDoesNotCount(String whose) throws IOException {
        assumeTrue(isRoot(), "only root can give files away");
        Path above = Files.createDirectory(directory.resolve("above"));
        Path cache = Files.createDirectory(above.resolve("cache"));
        Path file = Files.createFile(cache.resolve("file"));
        Path link = Files.createSymbolicLink(directory.resolve("link"), above);
        Path given = switch (whose) {
            case "the file" -> file;
            case "the directory" -> cache;
            case "the one above" -> above;
            default -> link;
        };
        assertThat(CacheTrust.doubtOfDirectory(link.resolve("cache"))).isEmpty();
        assertThat(CacheTrust.doubtOfCopy(cache)).isEmpty();
        Files.setAttribute(given, "unix:uid", OTHER, LinkOption.NOFOLLOW_LINKS);
        String doubt = whose.equals("the file")
                ? CacheTrust.doubtOfCopy(cache).orElse("")
                : CacheTrust.doubtOfDirectory(link.resolve("cache")).orElse("");
        assertThat(doubt).isEqualTo("%s belongs to another user (%d)", given, OTHER);
    }

    @Test
    void linksAreGoneThroughAndACircleOfThemEnds() throws IOException {
        Path real = Files.createDirectory(directory.resolve("real"));
        Path open = Files.createDirectory(directory.resolve("open"));
        mode(open, "777");
        Files.createSymbolicLink(open.resolve("cache"), real);
        Files.createSymbolicLink(directory.resolve("a"), Path.of("open/../open/cache"));
        Files.createSymbolicLink(directory.resolve("b"), Path.of("real"));
        Files.createSymbolicLink(directory.resolve("circle"), Path.of("circle"));
        assertThat(CacheTrust.doubtOfDirectory(directory.resolve("a")).orElse(""))
                .startsWith("other users may write to " + open);
        assertThat(CacheTrust.doubtOfDirectory(directory.resolve("b"))).isEmpty();
        assertThat(CacheTrust.doubtOfDirectory(directory.resolve("circle")).orElse(""))
                .endsWith("has too many links");
        assertThat(CacheTrust.doubtOfDirectory(directory.resolve("absent/cache")))
                .isEmpty();
    }

    @Test
    void whatIsMadeNobodyElseMayWriteTo() throws IOException {
        Path made = directory.resolve("x/y/z");
        CacheTrust.makeDirectory(made);
        try (FileChannel channel = LockFile.open(made.resolve("lock"))) {
            assertThat(channel.isOpen()).isTrue();
        }
        for (Path path : new Path[] {made, made.resolveSibling("z"), made.resolve("lock")}) {
            assertThat(Files.getPosixFilePermissions(path))
                    .doesNotContain(PosixFilePermission.GROUP_WRITE, PosixFilePermission.OTHERS_WRITE);
        }
    }

    /// Such a file is neither followed, nor waited for, nor written to.
    @ParameterizedTest
    @CsvSource({"link, a link", "dangling, a link", "directory, a directory", "pipe, 'a pipe, a device or a socket'"})
    @Timeout(20)
    void whatIsNoLockFileIsNotOpened(String kind, String said) throws IOException {
        Path file = directory.resolve("x.lock");
        Path elsewhere = Files.writeString(directory.resolve("elsewhere"), "to be kept");
        switch (kind) {
            case "link" -> Files.createSymbolicLink(file, elsewhere);
            case "dangling" -> Files.createSymbolicLink(file, directory.resolve("absent"));
            case "directory" -> Files.createDirectory(file);
            default -> Pipe.make(file);
        }
        assertThatThrownBy(() -> LockFile.open(file).close())
                .isInstanceOf(IOException.class)
                .hasMessage("%s should be a file to be locked, and is %s; delete it", file, said);
        assertThatThrownBy(() -> MakingLock.acquire(file, "tests").close()).hasMessageContaining("delete it");
        assertThatThrownBy(() -> MakingLock.ifFree(file, () -> {})).hasMessageContaining("delete it");
        assertThatThrownBy(() -> UseLock.ifUnused(file, () -> {})).hasMessageContaining("delete it");
        UseLock.share(file).close();
        assertThat(elsewhere).hasContent("to be kept");
        assertThat(directory.resolve("absent")).doesNotExist();
        MakingLock.acquire(directory.resolve("y.lock"), "goes on").close();
    }

    private static void mode(Path path, String octal) throws IOException {
        Files.setAttribute(path, "unix:mode", Integer.parseInt(octal, 8));
    }

    private boolean isRoot() throws IOException {
        return Files.getAttribute(directory, "unix:uid").equals(0);
    }
}
