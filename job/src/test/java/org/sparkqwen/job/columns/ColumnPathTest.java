package org.sparkqwen.job.columns;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ColumnPathTest {
    private static final StructType INPUT = new StructType()
            .add("Text", DataTypes.StringType)
            .add("id", DataTypes.LongType)
            .add("ID", DataTypes.LongType)
            .add("body", new StructType().add("text", DataTypes.StringType).add("Id", DataTypes.LongType))
            .add("body.text", DataTypes.BinaryType);

    /// The path is joined with slashes.
    @ParameterizedTest
    @CsvSource({
        "Text, Text",
        "text, Text",
        "TEXT, Text",
        "id, id",
        "ID, ID",
        "Id,", // two columns have it in another case
        "body.Id, body/Id",
        "BODY.ID, body/Id",
        "body.text, body.text",
        "BODY.text,", // a column of its own, and a field
        "body,  body",
        "bodytext,",
    })
    void aNameIsFoundInItsOwnCaseOrElseInTheOnlyOne(String name, @Nullable String expected) {
        assertThat(ColumnPath.of(name, INPUT)
                        .map(path -> String.join("/", path.names()))
                        .orElse(null))
                .isEqualTo(expected);
    }

    @Test
    void theTypeIsThatOfTheField() {
        assertThat(ColumnPath.checked("body.id", INPUT))
                .isEqualTo(new ColumnPath(List.of("body", "Id"), DataTypes.LongType));
    }
}
