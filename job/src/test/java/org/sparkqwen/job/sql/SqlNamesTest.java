package org.sparkqwen.job.sql;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SqlNamesTest {
    @ParameterizedTest
    @CsvSource({
        "--max-new-tokens must be at least 1, max_new_tokens must be at least 1",
        "max-new-tokens must be at least 1, max_new_tokens must be at least 1",
        "qwen_score takes a well-known text, qwen_score takes a well-known text",
        "give one of --regex and --json-schema, give one of regex and json_schema",
        "read it with --input-option header=true, read it with --input-option header=true",
    })
    void optionsThatSqlHasAreNamedAsArguments(String message, String expected) {
        assertThat(SqlNames.inMessage(message)).isEqualTo(expected);
    }
}
