package org.sparkqwen.engine.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.sparkqwen.engine.tokenizer.SampleTokenizer.QWEN3;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.tukaani.xz.XZInputStream;

/// The tokenizer gives the values of tokenizers 0.23.2, see golden/README.md.
class GoldenTokenizerTest {
    private static final List<JsonNode> CASES = new ArrayList<>();

    @BeforeAll
    static void readCases() throws IOException {
        ObjectMapper mapper = new ObjectMapper();
        InputStream packed = Objects.requireNonNull(
                GoldenTokenizerTest.class.getResourceAsStream("/golden/qwen3-tokenizer.jsonl.xz"));
        try (BufferedReader lines =
                new BufferedReader(new InputStreamReader(new XZInputStream(packed), StandardCharsets.UTF_8))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                CASES.add(mapper.readTree(line));
            }
        }
        assertThat(CASES).hasSize(1365);
    }

    @Test
    void parsesSpecialTokensToTheGoldenIds() {
        for (JsonNode golden : CASES) {
            assertThat(QWEN3.ours().encode(golden.get("text").textValue(), SpecialTokens.PARSE))
                    .as(golden.get("text").toString())
                    .isEqualTo(ids(golden.get("ids")));
        }
    }

    @Test
    void readsSpecialTokensAsTextToTheGoldenIds() {
        int different = 0;
        for (JsonNode golden : CASES) {
            different += golden.has("ids_no_special") ? 1 : 0;
            JsonNode ids = golden.has("ids_no_special") ? golden.get("ids_no_special") : golden.get("ids");
            assertThat(QWEN3.ours().encode(golden.get("text").textValue(), SpecialTokens.TEXT))
                    .as(golden.get("text").toString())
                    .isEqualTo(ids(ids));
        }
        assertThat(different).isPositive();
    }

    @Test
    void decodesToTheGoldenText() {
        for (JsonNode golden : CASES) {
            JsonNode text = golden.has("decoded") ? golden.get("decoded") : golden.get("text");
            assertThat(QWEN3.ours().decode(ids(golden.get("ids")))).isEqualTo(text.textValue());
        }
    }

    @Test
    void knowsItsVocabulary() {
        Tokenizer tokenizer = QWEN3.ours();
        assertThat(tokenizer.vocabularySize()).isEqualTo(151_669);
        assertThat(tokenizer.idOf("<|endoftext|>")).hasValue(151_643);
        assertThat(tokenizer.idOf("</think>")).hasValue(151_668);
        assertThat(tokenizer.idOf("Ġthe")).hasValue(279);
        assertThat(tokenizer.idOf(" the")).isEmpty();
        assertThat(tokenizer.bytesOf(279)).isEqualTo(" the".getBytes(StandardCharsets.UTF_8));
        assertThat(tokenizer.bytesOf(151_643)).isEqualTo("<|endoftext|>".getBytes(StandardCharsets.UTF_8));
        assertThat(tokenizer.bytesOf(151_669)).isEmpty();
        assertThat(tokenizer.bytesOf(-1)).isEmpty();
    }

    private static int[] ids(JsonNode array) {
        int[] ids = new int[array.size()];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = array.get(i).intValue();
        }
        return ids;
    }
}
