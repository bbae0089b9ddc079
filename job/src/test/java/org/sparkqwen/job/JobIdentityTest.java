package org.sparkqwen.job;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.sparkqwen.engine.constraint.Constraint;
import org.sparkqwen.engine.sampling.Ending;
import org.sparkqwen.engine.sampling.GenerationParams;
import org.sparkqwen.engine.sampling.SamplingParams;
import org.sparkqwen.engine.tokenizer.SpecialTokens;
import org.sparkqwen.job.columns.ChatPrompt;
import org.sparkqwen.job.columns.ContentColumn;
import org.sparkqwen.job.model.ModelReference;
import org.sparkqwen.job.testing.LocalSpark;

/// What makes two jobs the same, which must not depend on the JVM.
class JobIdentityTest {
    private static final ContentColumn TEXT = new ContentColumn.Text("text", SpecialTokens.TEXT);

    @Test
    void setsAndMapsAreSortedAndListsAreNot() {
        assertThat(JobIdentity.text(Map.of("b", 1, "a", Set.of(3, 1, 2), "c", List.of(2, 1))))
                .isEqualTo("{a={1, 2, 3}, b=1, c=[2, 1]}");
        assertThat(JobIdentity.text(null)).isEqualTo("unset");
    }

    @Test
    void everySettingOfAJobIsAFact() {
        ModelReference model = LocalSpark.model();
        Map<String, String> scoring = new ScoreJob(model, ScoreJob.Settings.of(model, TEXT)).identity();
        assertThat(scoring)
                .containsOnlyKeys("job", "model", "prompt", "content", "columns", "scoring", "tokenLogprobs", "details")
                .containsEntry("details", "unset") // as in runs that began before there were details
                .containsEntry("job", "score")
                .containsEntry("model", model.identity())
                .containsEntry("content", "Text[name=text, special=text]")
                .hasEntrySatisfying(
                        "scoring",
                        value -> assertThat(value)
                                .startsWith("ScoringOptions[windows=Strided[context=1024, stride=512], prefix="));
        GenerationParams params = new GenerationParams(
                SamplingParams.GREEDY, Ending.after(4), 0, new Constraint.Choices(List.of("yes", "no")));
        ChatPrompt chat = new ChatPrompt(
                TEXT, new ChatPrompt.Settings(false, "Be brief.", null, null, false, Set.of("role", "content")));
        Map<String, String> generation = new GenerateJob(model, GenerateJob.Settings.of(chat, params)).identity();
        assertThat(generation)
                .containsOnlyKeys("job", "model", "prompt", "columns", "samples", "params", "rowParams", "kv")
                .containsEntry("kv", "f32")
                .containsEntry(
                        "prompt",
                        "ChatPrompt[user=Text[name=text, special=text], settings=Settings[conversations=false,"
                                + " system=Be brief., thinking=unset, tools=unset, continued=false,"
                                + " words={content, role}]]");
        assertThat(generation.values()).noneMatch(value -> value.matches(".*@[0-9a-f]{6,8}\\b.*"));
        assertThat(new TokenizeJob(TokenizeJob.Settings.of(
                                LocalSpark.MODEL.toString(), new ContentColumn.Text("text", SpecialTokens.PARSE)))
                        .identity())
                .containsOnlyKeys("job", "model", "content", "columns")
                .hasEntrySatisfying("model", value -> assertThat(value).matches("tokenizer [0-9a-f]{64}"));
    }
}
