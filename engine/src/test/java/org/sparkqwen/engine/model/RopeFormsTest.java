package org.sparkqwen.engine.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.sparkqwen.engine.Engine;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.ModelCopy;
import org.sparkqwen.engine.testing.Refusal;

/// Position embeddings are read in every form that transformers 4 and 5 write or read. Each form gives the
/// values that the reference model gave with the usual form, or numbers computed by the formulas of
/// transformers 5.17.
class RopeFormsTest {
    private static final ObjectMapper MAPPER = new ObjectMapper();
    private static final Path MODELS = Golden.DIRECTORY.resolve("models");

    @TempDir
    private Path directory = Path.of("");

    private ModelCopy model = new ModelCopy(Path.of("set up before each test"));

    @BeforeEach
    void copyWithoutAnyPositionEmbedding() {
        model = ModelCopy.of(MODELS.resolve("dense-yarn"), directory)
                .config(json -> json.remove(List.of("rope_theta", "rope_scaling")));
    }

    /// The model was trained on 256 positions and has a context of 1,024, with the base 1,000,000.
    @ParameterizedTest
    @CsvSource(delimiterString = " | ", quoteCharacter = '`', textBlock = """
        "rope_theta":1e6,"rope_scaling":{"rope_type":"yarn",YARN}
        "rope_theta":1e6,"rope_scaling":{"type":"yarn",YARN}
        "rope_theta":1e6,"rope_scaling":{"type":"yarn","rope_type":"yarn",YARN}
        "rope_theta":1000000,"rope_scaling":{"rope_type":"yarn","factor":4,"original_max_position_embeddings":256}
        "rope_theta":1e6,"rope_scaling":{"rope_type":"yarn","factor":4,"original_max_position_embeddings":256.0}
        "rope_scaling":{"rope_type":"yarn","rope_theta":1e6,YARN}
        "rope_parameters":{"rope_type":"yarn","rope_theta":1e6,YARN}
        "rope_parameters":{"rope_type":"yarn","type":"yarn","rope_theta":1e6,YARN}
        "rope_parameters":{"type":"yarn","rope_theta":1e6,YARN}
        "rope_theta":1e6,"rope_parameters":{"rope_type":"yarn",YARN}
        "rope_theta":1e6,"rope_parameters":{"rope_type":"yarn","rope_theta":null,YARN}
        "rope_theta":1e6,"rope_parameters":{"rope_type":"yarn","rope_theta":1e6,YARN}
        "rope_theta":1e6,"rope_scaling":{},"rope_parameters":{"rope_type":"yarn",YARN}
        "rope_theta":1e6,"rope_scaling":null,"rope_parameters":{"rope_type":"yarn",YARN}
        "rope_theta":1e6,"rope_parameters":null,"rope_scaling":{"rope_type":"yarn",YARN}
        "rope_theta":1e6,"rope_parameters":{},"rope_scaling":{"rope_type":"yarn",YARN}
        "rope_theta":1e6,"rope_parameters":{"rope_type":"yarn",YARN},"rope_scaling":{"rope_type":"yarn",YARN}
        "rope_theta":1e6,"rope_scaling":{"rope_type":"yarn","beta_fast":32,"beta_slow":1,"truncate":true,YARN}
        "rope_theta":1e6,"rope_scaling":{"rope_type":"yarn","beta_fast":null,"beta_slow":0,YARN}
        "rope_theta":1e6,"rope_scaling":{"rope_type":"yarn","partial_rotary_factor":1.0,YARN}
        "rope_theta":1e6,"partial_rotary_factor":1,"rope_scaling":{"rope_type":"yarn",YARN}
        "rope_theta":1e6,"rope_scaling":{"rope_type":"yarn","attention_factor":1.138629436111989,YARN}
        "rope_theta":1e6,"rope_scaling":{"rope_type":"yarn","attention_factor":null,"mscale":0.7,YARN}
        "rope_theta":1e6,"rope_scaling":{"rope_type":"yarn","mscale":0,"mscale_all_dim":1.0,YARN}
        "rope_theta":1e6,"rope_scaling":{"rope_type":"yarn","factor":null,"original_max_position_embeddings":256}
        "rope_theta":1e6,"original_max_position_embeddings":256,"rope_scaling":{"rope_type":"yarn","factor":4.0}
        """)
    void everyFormOfYarnGivesTheReferenceModelsValues(String keys) throws IOException {
        set(keys);
        assertThat(ModelConfig.read(directory).warnings()).isEmpty();
        assertGolden("dense-yarn");
    }

    /// These forms give the same values, and a warning of what transformers ignores, too.
    @ParameterizedTest
    @CsvSource(delimiterString = " | ", quoteCharacter = '`', textBlock = """
        "rope_theta":1e6,"rope_scaling":{"rope_type":"yarn",YARN},"rope_parameters":{"rope_theta":1e6} | \
        rope_scaling is taken, and the rope_parameters beside it are ignored
        "rope_theta":1e6,"rope_scaling":{"rope_type":"yarn",YARN},"rope_parameters":{"rope_type":"default"} | \
        rope_scaling is taken, and the rope_parameters beside it are ignored
        "rope_theta":1e4,"rope_parameters":{"rope_type":"yarn","rope_theta":1e6,YARN} | \
        the rope_theta 1000000.0 of rope_parameters is taken, and 10000.0 beside it is ignored
        "rope_theta":1e4,"rope_scaling":{"rope_type":"yarn","rope_theta":1e6,YARN} | \
        the rope_theta 1000000.0 of rope_scaling is taken, and 10000.0 beside it is ignored
        "rope_theta":1e6,"rope_scaling":{"rope_type":"yarn","type":"linear",YARN} | \
        rope_scaling: rope_type yarn is taken, and type linear beside it is ignored
        "rope_theta":1e6,"rope_scaling":{"rope_type":"yarn","attn_factor":0.8782488562869419,YARN} | \
        rope_scaling: the key attn_factor is unknown and ignored, as transformers does
        """)
    void whatTransformersIgnoresIsIgnoredWithAWarning(String keys, String warning) throws IOException {
        set(keys);
        assertThat(ModelConfig.read(directory).warnings())
                .singleElement()
                .asString()
                .startsWith("config.json: " + warning);
        assertGolden("dense-yarn");
    }

    /// The weights are the same without YaRN, in a model with reference values of its own.
    @ParameterizedTest
    @CsvSource(delimiterString = " | ", quoteCharacter = '`', textBlock = """
        "rope_theta":1e6
        "rope_theta":1000000,"rope_scaling":null
        "rope_theta":1e6,"rope_scaling":{}
        "rope_theta":1e6,"rope_parameters":{}
        "rope_theta":1e6,"rope_scaling":{},"rope_parameters":{}
        "rope_parameters":{"rope_theta":1e6}
        "rope_parameters":{"rope_theta":1e6,"rope_type":"default"}
        "rope_parameters":{"rope_theta":1e6,"rope_type":"default","type":"default"}
        "rope_parameters":{"rope_theta":1e6,"type":"default","partial_rotary_factor":1.0}
        "rope_theta":1e6,"rope_parameters":{"rope_type":"default"}
        "rope_theta":1e6,"rope_parameters":{"rope_type":null}
        "rope_theta":1e6,"rope_scaling":{"type":"default"}
        "rope_theta":1e6,"rope_scaling":{"rope_type":"default"},\
        "rope_parameters":{"rope_theta":1e6,"rope_type":"default"}
        """)
    void everyFormOfThePlainEmbeddingGivesTheReferenceModelsValues(String keys, @TempDir Path plain)
            throws IOException {
        model = ModelCopy.of(MODELS.resolve("dense-tied-f32"), plain)
                .config(json -> json.remove(List.of("rope_theta", "rope_scaling")));
        directory = plain;
        set(keys);
        assertThat(ModelConfig.read(directory).warnings()).isEmpty();
        assertGolden("dense-tied-f32");
    }

    @ParameterizedTest
    @CsvSource(delimiterString = " | ", quoteCharacter = '`', textBlock = """
        "rope_scaling":null | 10000
        "rope_parameters":{"rope_type":"default"} | 10000
        "rope_scaling":{"rope_type":"default"} | 10000
        "rope_theta":5e5 | 500000
        "rope_theta":5e5,"rope_scaling":{"type":"default"} | 500000
        """)
    void theDefaultBaseIsTenThousand(String keys, double theta) throws IOException {
        set(keys);
        assertThat(ModelConfig.read(directory).rope()).isEqualTo(new Rope.Plain(theta));
    }

    /// transformers would take the base 10,000, which is nowhere in the file.
    @ParameterizedTest
    @CsvSource(delimiterString = " | ", quoteCharacter = '`', textBlock = """
        "rope_scaling":{"type":"yarn",YARN},"rope_parameters":{"rope_theta":1e6} | 1000000.0 | 10000.0
        "rope_theta":5e5,"rope_scaling":{"type":"yarn",YARN},"rope_parameters":{"rope_theta":1e6} | 1000000.0 | \
        500000.0
        "rope_scaling":{"type":"yarn","rope_theta":5e6,YARN},"rope_parameters":{"rope_theta":1e6} | 1000000.0 | \
        5000000.0
        """)
    void twoObjectsWithTwoBasesAreRefused(String keys, String stated, String taken) throws IOException {
        set(keys);
        assertThat(Refusal.messageOf(() -> ModelConfig.read(directory)))
                .contains("rope_parameters has the rope_theta %s, but rope_scaling goes before it and leads to %s"
                        .formatted(stated, taken));
    }

    /// The defaults of the type take precedence over keys that only YaRN reads.
    @Test
    void keysWithoutEffectOnThePlainEmbeddingCauseAWarning() throws IOException {
        set("\"rope_theta\":1e6,\"rope_scaling\":{\"factor\":4.0,\"original_max_position_embeddings\":256}");
        assertThat(ModelConfig.read(directory).rope()).isEqualTo(new Rope.Plain(1e6));
        assertThat(ModelConfig.read(directory).warnings())
                .containsExactly(
                        "config.json: rope_scaling: the key factor has no effect on the type default",
                        "config.json: rope_scaling: the key original_max_position_embeddings has no effect on the"
                                + " type default");
    }

    /// Published configurations state 40,960 positions beside a factor of 4 over 32,768.
    @Test
    void aFactorThatTheContextsContradictIsUsedWithAWarning() throws IOException {
        set("\"rope_theta\":1e6,\"rope_scaling\":{\"rope_type\":\"yarn\","
                + "\"factor\":4.0,\"original_max_position_embeddings\":512}");
        assertThat(ModelConfig.read(directory).rope())
                .isInstanceOfSatisfying(
                        Rope.Yarn.class, yarn -> assertThat(yarn.factor()).isEqualTo(4));
        assertThat(ModelConfig.read(directory).warnings())
                .singleElement()
                .asString()
                .startsWith("config.json: rope_scaling: the factor 4.0 is taken, as transformers 5 does");
    }

    /// The expected values were computed with numpy in float32 by transformers' formulas, for heads of 32.
    @ParameterizedTest
    @CsvSource(delimiterString = " | ", quoteCharacter = '`', textBlock = """
        "beta_fast":32 | 1.1386294 | 0.35844204 | 0.12447956 | 0.041244175 | 0.012649111 | 0.0033338037
        "beta_fast":8,"beta_slow":2 | 1.1386294 | 0.42169651 | 0.13337095 | 0.037494708 | 0.0079056947 | 0.0033338037
        "truncate":false | 1.1386294 | 0.36494339 | 0.1206667 | 0.036872312 | 0.0096399449 | 0.0033338037
        "truncate":null | 1.1386294 | 0.36494339 | 0.1206667 | 0.036872312 | 0.0096399449 | 0.0033338037
        "beta_fast":8,"beta_slow":2,"truncate":false | 1.1386294 | 0.42169651 | 0.16829577 | 0.035938717 | \
        0.0079056947 | 0.0033338037
        "mscale":0.707,"mscale_all_dim":1.0 | 0.96432691 | 0.35844204 | 0.12447956 | 0.041244175 | \
        0.012649111 | 0.0033338037
        "mscale":2,"mscale_all_dim":0.5 | 1.1944649 | 0.35844204 | 0.12447956 | 0.041244175 | 0.012649111 | \
        0.0033338037
        "mscale":2,"mscale_all_dim":0.5,"attention_factor":1.5 | 1.5 | 0.35844204 | 0.12447956 | 0.041244175 | \
        0.012649111 | 0.0033338037
        """)
    void furtherKeysOfYarnAreObeyed(
            String keys, double attentionFactor, float second, float third, float fourth, float fifth, float sixth)
            throws IOException {
        set("\"rope_theta\":1e6,\"rope_scaling\":{\"rope_type\":\"yarn\",%s,YARN}".formatted(keys));
        Rope rope = ModelConfig.read(directory).rope();
        assertThat(rope)
                .isInstanceOfSatisfying(
                        Rope.Yarn.class,
                        yarn -> assertThat(yarn.attentionFactor()).isCloseTo(attentionFactor, within(1e-7)));
        float[] expected = {1, second, third, fourth, fifth, sixth};
        float[] frequencies = RotaryTable.frequencies(rope, 32);
        for (int i = 0; i < expected.length; i++) {
            assertThat(frequencies[i]).as("pair %d", i).isCloseTo(expected[i], within(expected[i] * 2e-6f));
        }
    }

    /// Sets keys of the config.
    ///
    /// @param keys JSON without its braces; YARN stands for the keys that are the same everywhere
    private void set(String keys) throws IOException {
        String json = keys.replace("YARN", "\"factor\":4.0,\"original_max_position_embeddings\":256");
        ObjectNode added = (ObjectNode) MAPPER.readTree("{" + json + "}");
        model.config(config -> config.setAll(added));
    }

    private void assertGolden(String name) {
        JsonNode golden = Golden.read(MODELS.resolve(name).resolve("golden.json"));
        try (Engine engine = Engine.open(directory, Golden.options(KernelChoice.VECTOR, 2, 2048))) {
            for (JsonNode sequence : golden.path("sequences")) {
                int[] ids = Golden.ints(sequence.path("ids"));
                if (ids.length < 100) {
                    continue; // near the beginning, the forms differ little
                }
                double[] nll = Golden.doubles(sequence.path("nll"));
                double[] scored = Golden.scored(engine, ids, Golden.unprefixed(1024, 512))
                        .score()
                        .tokenLogProbabilities();
                for (int i = 0; i < nll.length; i++) {
                    assertThat(-scored[i + 1]).as("token %d", i + 1).isCloseTo(nll[i], within(Golden.NLL_TOLERANCE));
                }
            }
        }
    }
}
