package org.sparkqwen.job.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.sparkqwen.job.failure.Refusal;

class LocaleEncodingTest {
    private static final LocaleEncoding ASCII = new LocaleEncoding(StandardCharsets.US_ASCII);
    private static final LocaleEncoding UTF_8 = new LocaleEncoding(StandardCharsets.UTF_8);

    @Test
    void onlyLettersThatCanBeEncodedAreAccepted() {
        assertThatCode(() -> UTF_8.refuseOthers("--input", "/data/Bücher/好")).doesNotThrowAnyException();
        assertThatCode(() -> ASCII.refuseOthers("--input", "/data/books")).doesNotThrowAnyException();
        assertThatThrownBy(() -> ASCII.refuseOthers("--input", "/data/Bücher"))
                .isInstanceOf(Refusal.class)
                .hasMessage(
                        "--input '/data/Bücher' has letters that are not in US-ASCII, the encoding of the locale; set"
                                + " LC_ALL=C.UTF-8 before the command");
    }

    @Test
    void lettersThatWereLostBeforeLeaveQuestionMarks() {
        assertThat(ASCII.caution("yes,???"))
                .contains(
                        "if '??' in 'yes,???' stands for letters that are not in US-ASCII, the encoding of the locale,"
                                + " set LC_ALL=C.UTF-8 before the command");
        assertThat(ASCII.caution("Is it?")).isEmpty();
        assertThat(UTF_8.caution("Is it??")).isEmpty();
    }
}
