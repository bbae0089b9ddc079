package org.sparkqwen.job.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine.TypeConversionException;

/// Sizes of memory and of files, as options give them.
class ByteSizeTest {
    @ParameterizedTest
    @CsvSource({"512m, 536870912", "2g, 2147483648", "2G, 2147483648", "1000, 1000", "3k, 3072"})
    void sizesAreWrittenAsSparkWritesThem(String text, long bytes) {
        assertThat(new ByteSize().convert(text)).isEqualTo(bytes);
    }

    @ParameterizedTest
    @ValueSource(strings = {"0", "-1g", "much", "1.5g", ""})
    void otherSizesAreRefused(String text) {
        assertThatThrownBy(() -> new ByteSize().convert(text))
                .isInstanceOf(TypeConversionException.class)
                .hasMessage("'%s' is not a size above 0; write 512m or 2g".formatted(text));
    }
}
