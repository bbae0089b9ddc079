package org.sparkqwen.job.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.failure.Refusal;

class OptionFileTest {
    @TempDir
    private Path directory;

    private String file(byte[] bytes) throws IOException {
        return Files.write(directory.resolve("file"), bytes).toString();
    }

    @Test
    void passesOverAByteOrderMark() throws IOException {
        assertThat(OptionFile.text("--json-schema", file("\uFEFF{\"é\": 1}".getBytes(UTF_8))))
                .isEqualTo("{\"é\": 1}");
        assertThat(OptionFile.text("--json-schema", file("{}".getBytes(UTF_8)))).isEqualTo("{}");
        assertThat(OptionFile.text("--json-schema", file(new byte[0]))).isEmpty();
    }

    @Test
    void refusesWhatIsNoTextInOneLine() throws IOException {
        String latin = file(new byte[] {'a', (byte) 0xE9});
        assertThatThrownBy(() -> OptionFile.text("--json-schema", latin))
                .isInstanceOf(Refusal.class)
                .hasMessage("--json-schema %s cannot be read: it is not UTF-8", latin);
        assertThatThrownBy(() -> OptionFile.text("--json-schema", "no\nwhere"))
                .hasMessage("--json-schema no\\nwhere cannot be read: there is no such file");
        assertThatThrownBy(() -> OptionFile.text("--json-schema", directory.toString()))
                .isInstanceOf(Refusal.class)
                .hasMessageContaining("cannot be read: ");
        assertThatThrownBy(() -> OptionFile.text("--json-schema", "/dev/zero"))
                .hasMessage("--json-schema /dev/zero cannot be read: it has more than 16,777,216 bytes");
    }
}
