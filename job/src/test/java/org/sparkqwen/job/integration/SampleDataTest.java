package org.sparkqwen.job.integration;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// The files of data-samples have the recorded sums.
class SampleDataTest {
    private static final Path DIRECTORY = Path.of("../data-samples");

    @ParameterizedTest
    @MethodSource("listedFiles")
    void hasTheListedSum(String file, String sum) throws IOException, NoSuchAlgorithmException {
        byte[] digest = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(DIRECTORY.resolve(file)));

        assertThat(HexFormat.of().formatHex(digest))
                .as("%s has changed: see \"Checksums\" in data-samples/README.md", file)
                .isEqualTo(sum);
    }

    @ParameterizedTest
    @MethodSource("listedFiles")
    void readmeShowsTheSameSum(String file, String sum) throws IOException {
        assertThat(DIRECTORY.resolve("README.md")).content().contains("| `%s` | `%s` |".formatted(file, sum));
    }

    @Test
    void everyDataFileIsListed() throws IOException {
        try (Stream<Path> files = Files.walk(DIRECTORY)) {
            assertThat(files.map(file -> DIRECTORY.relativize(file).toString().replace('\\', '/'))
                            .filter(file -> file.matches(".*\\.(parquet|json|safetensors)")))
                    .isNotEmpty()
                    .isSubsetOf(sums().keySet());
        }
    }

    static Stream<Arguments> listedFiles() throws IOException {
        return sums().entrySet().stream().map(entry -> Arguments.of(entry.getKey(), entry.getValue()));
    }

    /// Reads the lines of SHA256SUMS: 64 hexadecimal digits, two spaces, a path.
    private static Map<String, String> sums() throws IOException {
        Map<String, String> sums = new TreeMap<>();
        for (String line : Files.readAllLines(DIRECTORY.resolve("SHA256SUMS"))) {
            sums.put(line.substring(66), line.substring(0, 64));
        }
        return sums;
    }
}
