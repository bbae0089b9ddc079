package org.sparkqwen.job.input;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.RemoteIterator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The listing of local files, compared with Hadoop's own.
class LocalListingTest {
    @TempDir
    private Path directory;

    private static List<String> all(RemoteIterator<? extends FileStatus> files) throws IOException {
        List<String> all = new ArrayList<>();
        while (files.hasNext()) {
            FileStatus file = files.next();
            all.add("%s %d %d".formatted(file.getPath(), file.getLen(), file.getModificationTime()));
        }
        return all;
    }

    @Test
    void filesAreThoseOfHadoopInItsOrder() throws IOException {
        for (String name : List.of("a", "b/c", "b/d/e", "b/d/.hidden", "f", "g/h", "_i/j", ".a.crc")) {
            Path file = directory.resolve(name);
            Files.createDirectories(file.getParent());
            Files.writeString(file, name);
        }
        Files.createDirectories(directory.resolve("empty/in"));
        Files.createSymbolicLink(directory.resolve("link"), directory.resolve("b"));
        Files.createSymbolicLink(directory.resolve("dangling"), directory.resolve("nothing"));
        LocalFileSystem local = FileSystem.getLocal(new Configuration());
        for (String root : List.of("", "b", "b/c", "empty")) {
            org.apache.hadoop.fs.Path path =
                    new org.apache.hadoop.fs.Path(directory.resolve(root).toUri());
            assertThat(all(new LocalListing(local, path))).as(root).isEqualTo(all(local.listFiles(path, true)));
        }
    }

    @Test
    void thereIsNothingAfterTheLastAndNothingInNoDirectory() throws IOException {
        LocalFileSystem local = FileSystem.getLocal(new Configuration());
        LocalListing none = new LocalListing(local, new org.apache.hadoop.fs.Path(directory.toUri()));
        assertThat(none.hasNext()).isFalse();
        assertThatThrownBy(none::next).isInstanceOf(NoSuchElementException.class);
        org.apache.hadoop.fs.Path absent =
                new org.apache.hadoop.fs.Path(directory.resolve("absent").toUri());
        assertThatThrownBy(() -> new LocalListing(local, absent)).isInstanceOf(FileNotFoundException.class);
    }

    /// Hadoop passes over such a file, and its rows would be missed.
    @Test
    void aNameThatIsNotInTheEncodingOfTheLocaleIsRefused() throws IOException, InterruptedException {
        new ProcessBuilder("bash", "-c", "touch 'what?' $'caf\\xe9.json'")
                .directory(directory.toFile())
                .start()
                .waitFor();
        LocalFileSystem local = FileSystem.getLocal(new Configuration());
        assertThatThrownBy(() -> new LocalListing(local, new org.apache.hadoop.fs.Path(directory.toUri())))
                .isInstanceOf(IOException.class)
                .hasMessage(
                        "the name of 'caf\uFFFD.json' is not in UTF-8, the encoding of the locale; rename it, or set"
                                + " LC_ALL=C.UTF-8 before the command");
    }
}
