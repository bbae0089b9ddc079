package org.sparkqwen.job.columns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.tokenizer.SpecialTokens;
import org.sparkqwen.engine.tokenizer.TextPart;
import org.sparkqwen.job.testing.LocalSpark;

/// Prompts that are put together from columns.
class PromptTemplateTest {

    @ParameterizedTest
    @CsvSource(
            quoteCharacter = '`',
            value = {
                "Write about {topic}., Write about sea.",
                "{topic}{topic}, seasea",
                "{{{topic}}}, {sea}",
                "{{topic}} is {topic}, {topic} is sea",
                "no column at all, no column at all",
                "{count} × {topic} ({yes}) on {day}: {bytes}, 7 × sea (true) on 2026-11-25: bin",
                "}}{{, }{"
            })
    void columnsStandWhereTheirNamesAre(String template, String prompt) {
        PromptTemplate parsed = PromptTemplate.parse(template, SpecialTokens.TEXT);
        assertThat(text(parsed, rows())).isEqualTo(prompt);
    }

    @ParameterizedTest
    @CsvSource(
            quoteCharacter = '`',
            delimiter = '|',
            value = {
                "a { b | template: the { at 2 is not closed; write {{ for a brace",
                "a } b | template: the } at 2 closes nothing; write }} for a brace",
                "a {} b | template: {} at 2 is no column; write {{ for a brace",
                "{a {b} | template: {a {b} at 0 is no column; write {{ for a brace"
            })
    void aTemplateThatIsNoneIsRefusedSayingWhere(String template, String message) {
        assertThatThrownBy(() -> PromptTemplate.parse(template, SpecialTokens.TEXT))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(message);
    }

    @Test
    void whatTheTemplateSaysMayHoldSpecialTokensAndWhatColumnsSayMayNot() {
        PromptTemplate template = PromptTemplate.parse("<|im_start|>{topic}<|im_end|>", SpecialTokens.TEXT);
        Content content = template.read(read(template, rows()), 0);
        assertThat(content)
                .isEqualTo(new Content.Parts(List.of(
                        new TextPart("<|im_start|>", SpecialTokens.PARSE),
                        new TextPart("sea", SpecialTokens.TEXT),
                        new TextPart("<|im_end|>", SpecialTokens.PARSE))));
    }

    @Test
    void aNullOrMalformedColumnMakesTheRowUnreadableByName() {
        PromptTemplate template = PromptTemplate.parse("{topic} and {bytes}", SpecialTokens.TEXT);
        Dataset<Row> nothing = rows().selectExpr("cast(null as string) as topic", "bytes");
        assertThat(template.read(read(template, nothing), 0))
                .isEqualTo(new Content.Unreadable("column 'topic': the text is null"));
        Dataset<Row> malformed = rows().selectExpr("topic", "X'61FF' as bytes");
        assertThat(template.read(read(template, malformed), 0))
                .isEqualTo(new Content.Unreadable("column 'bytes': the text is not valid UTF-8 at byte 1"));
    }

    @Test
    void aColumnThatIsNotThereOrHoldsNoTextIsRefused() {
        assertThatThrownBy(() ->
                        PromptTemplate.parse("{colour}", SpecialTokens.TEXT).checkIn(rows().schema()))
                .hasMessageContaining("--template: the input has no column 'colour'; it has 'topic', 'count'");
        assertThatThrownBy(
                        () -> PromptTemplate.parse("{list}", SpecialTokens.TEXT).checkIn(rows().schema()))
                .hasMessageContaining("--template: column 'list' is array<int>; text, numbers");
    }

    private static Dataset<Row> rows() {
        return LocalSpark.session()
                .range(1)
                .selectExpr(
                        "'sea' as topic",
                        "7 as count",
                        "true as yes",
                        "date'2026-11-25' as day",
                        "X'62696E' as bytes",
                        "array(1) as list");
    }

    private static Row read(PromptTemplate template, Dataset<Row> rows) {
        return rows.select(template.columns(rows.schema()).toArray(Column[]::new))
                .first();
    }

    private static String text(PromptTemplate template, Dataset<Row> rows) {
        Content.Parts parts = (Content.Parts) template.read(read(template, rows), 0);
        StringBuilder text = new StringBuilder();
        parts.parts().forEach(part -> text.append(part.text()));
        return text.toString();
    }
}
