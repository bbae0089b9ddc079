package org.sparkqwen.engine.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.Engine;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.model.family.Qwen2;
import org.sparkqwen.engine.model.family.Qwen3;
import org.sparkqwen.engine.model.family.Qwen3Moe;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.ModelCopy;
import org.sparkqwen.engine.testing.Refusal;

/// Supported configurations are read, and every other one is refused with the key that is the reason. Beside the
/// families of Qwen there is [org.sparkqwen.engine.testing.RenamedFamily], in tests alone.
class ModelConfigTest {
    private static final ObjectMapper MAPPER = new ObjectMapper();
    private static final Path MODELS = Golden.DIRECTORY.resolve("models");

    @TempDir
    private Path directory;

    private ModelCopy model = new ModelCopy(Path.of("set up before each test"));

    @BeforeEach
    void copy() {
        model = ModelCopy.of(MODELS.resolve("dense-tied-f32"), directory);
    }

    @Test
    void theKeysAreReadAsTheyStand() {
        ModelConfig config = read();
        assertThat(config.vocabSize()).isEqualTo(512);
        assertThat(config.hiddenSize()).isEqualTo(96);
        assertThat(config.intermediateSize()).isEqualTo(160);
        assertThat(config.layers()).isEqualTo(3);
        assertThat(config.attention().heads()).isEqualTo(6);
        assertThat(config.attention().keyValueHeads()).isEqualTo(2);
        assertThat(config.attention().headDim()).isEqualTo(32);
        assertThat(config.rmsNormEpsilon()).isEqualTo(1e-6f);
        assertThat(config.rope()).isEqualTo(new Rope.Plain(1_000_000));
        assertThat(config.maxPositions()).isEqualTo(4096);
        assertThat(config.tiedEmbeddings()).isTrue();
        assertThat(config.eosTokenIds()).containsExactly(511);
        assertThat(config.warnings()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(delimiterString = " | ", quoteCharacter = '`', textBlock = """
        model_type | "llama" | model_type llama is not supported; renamed, qwen3, qwen3_moe and qwen2 are
        model_type | "Qwen3" | model_type Qwen3 is not supported; renamed, qwen3, qwen3_moe and qwen2 are
        model_type | "qwen2_moe" | model_type qwen2_moe is not supported
        hidden_act | "gelu" | hidden_act gelu is not supported; silu is
        attention_bias | true | attention_bias true is not supported
        layer_types | ["full_attention","sliding_attention","full_attention"] | layer_types
        layer_types | "sliding_attention" | layer_types must be a list
        is_causal | false | is_causal false is not supported; every token attends to those before it
        is_causal | null | is_causal null is not supported
        is_causal | 1 | is_causal must be true or false, not 1
        use_bidirectional_attention | true | use_bidirectional_attention true is not supported; it would change results
        auto_map | {"AutoModel":"modeling_qwen.Qwen3Model"} | the model brings code of its own for AutoModel
        auto_map | "modeling" | auto_map must be an object
        architectures | ["Qwen3ForSequenceClassification"] | a language model is: Qwen3ForCausalLM
        architectures | [1] | architectures must be a list of strings
        logit_scale | 0.0625 | logit_scale 0.0625 is not supported; it would change results; 1 or no such key is
        final_logit_softcapping | 30.0 | final_logit_softcapping 30.0 is not supported
        mlp_bias | true | mlp_bias true is not supported
        quantization | {"group_size":64,"bits":4} | quantization {"group_size":64,"bits":4} is not supported
        vision_config | {"depth":32} | vision_config {"depth":32} is not supported
        n_shared_experts | 1 | n_shared_experts 1 is not supported
        scoring_func | "sigmoid" | scoring_func sigmoid is not supported
        quantization_config | {"quant_method":"hqq"} | quant_method hqq is not supported; gptq, awq, compressed-tensors
        rope_scaling | {"rope_type":"linear","factor":2} | rope_type linear is not supported; default and yarn
        rope_scaling | {"type":"dynamic","factor":2} | type dynamic is not supported; default and yarn
        rope_scaling | {"rope_type":"llama3","factor":2} | rope_type llama3 is not supported
        rope_scaling | {"rope_type":"yarn"} | rope_scaling: factor must be a positive number, not absent
        rope_scaling | {"rope_type":"yarn","factor":-2} | factor must be a positive number, not -2
        rope_scaling | "yarn" | rope_scaling must be an object, not "yarn"
        rope_scaling | {"rope_type":"yarn","factor":1e7} | factor must be a number from 0.000001 to 1,000,000
        rope_scaling | {"rope_type":"yarn","factor":2,"truncate":1} | truncate must be true or false, not 1
        rope_scaling | {"rope_type":"yarn","factor":2,"beta_fast":-1} | beta_fast must be a number from 0
        rope_scaling | {"rope_type":"yarn","factor":2,"rope_theta":1} | rope_theta must be above 1 for YaRN
        rope_scaling | {"rope_type":"default","partial_rotary_factor":0.5} | partial_rotary_factor 0.5 is not
        rope_scaling | {"rope_type":["yarn"]} | rope_type must be a string
        rope_parameters | {"full_attention":{"rope_type":"default"}} | full_attention {"rope_type":"default"} is not
        rope_parameters | [] | rope_parameters must be an object, not []
        partial_rotary_factor | 0.25 | partial_rotary_factor 0.25 is not supported
        rope_theta | 0 | rope_theta must be a positive number, not 0
        rope_theta | 1e999 | rope_theta must be a positive number
        rms_norm_eps | -1e-6 | rms_norm_eps must be a positive number
        rms_norm_eps | "1e-6" | rms_norm_eps must be a positive number, not "1e-6"
        tie_word_embeddings | 1 | tie_word_embeddings must be true or false, not 1
        attention_bias | "false" | attention_bias must be true or false
        num_key_value_heads | 4 | num_attention_heads 6 is not a multiple of
        head_dim | 31 | head_dim must be even
        eos_token_id | -1 | eos_token_id must be a token id or a list of them, not -1
        eos_token_id | [1,"2"] | eos_token_id must be a token id or a list of them
        eos_token_id | 1.5 | eos_token_id must be a token id or a list of them
        eos_token_id | [3,512] | eos_token_id 512 is outside the vocabulary of 512
        """)
    void aModelThatWouldGiveOtherResultsIsRefusedByItsKey(String key, String value, String named) {
        model.json("generation_config.json", json -> json.remove("eos_token_id"));
        assertThat(refusal(json -> json.set(key, parse(value)))).contains(directory.toString(), named);
    }

    /// Dense layers from max_window_layers on have the window. It is 4096 if the config does not say.
    @Test
    void aSlidingWindowInUseIsRefused() {
        String expected = "use_sliding_window true is not supported; every layer attends to the whole context";
        for (String family : new String[] {"qwen3", "qwen2"}) {
            assertThat(refusal(json -> window(json.put("model_type", family), "128", 2)))
                    .contains(expected);
            assertThat(refusal(json -> window(json.put("model_type", family), "128", 0)))
                    .contains(expected);
        }
        assertThat(refusal(json -> window(json, "128", 2).remove("sliding_window")))
                .contains(expected);
    }

    /// Layers with experts have the window whatever max_window_layers says.
    @Test
    void aSlidingWindowOfAModelWithExpertsIsRefused() {
        assertThat(refusal(json -> window(json.put("model_type", "qwen3_moe"), "128", 3)))
                .contains("use_sliding_window true is not supported");
    }

    @Test
    void aSlidingWindowThatNoLayerUsesIsAccepted() {
        ModelConfig before = read();
        model.config(json -> window(json, "128", 3));
        assertThat(read()).isEqualTo(before);
        model.config(json -> window(json, "null", 0));
        assertThat(read()).isEqualTo(before);
        model.config(json -> window(json, "128", 0).put("use_sliding_window", false));
        assertThat(read()).isEqualTo(before);
        model.config(json -> window(json, "128", 0).putNull("use_sliding_window"));
        assertThat(read()).isEqualTo(before);
    }

    private static ObjectNode window(ObjectNode json, String size, int firstLayer) {
        json.put("use_sliding_window", true).put("max_window_layers", firstLayer);
        json.set("sliding_window", parse(size));
        return json;
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "hidden_size",
                "intermediate_size",
                "num_hidden_layers",
                "num_attention_heads",
                "num_key_value_heads",
                "head_dim",
                "vocab_size",
                "max_position_embeddings"
            })
    void aSizeIsAWholeNumberWithinReason(String key) {
        for (String value : new String[] {
            "0", "-1", "2147483647", "4294967392", "99999999999999999999", "1e3", "96.0", "\"96\"", "[96]", "{}"
        }) {
            assertThat(refusal(json -> json.set(key, parse(value))))
                    .as("%s: %s", key, value)
                    .contains("config.json: %s must be a whole number from 1 to ".formatted(key), "not ");
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "model_type",
                "hidden_size",
                "intermediate_size",
                "num_hidden_layers",
                "num_attention_heads",
                "vocab_size",
                "max_position_embeddings",
                "rms_norm_eps"
            })
    void aMissingKeyIsNamed(String key) {
        assertThat(refusal(json -> json.remove(key))).contains("config.json: %s must be".formatted(key), "absent");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "{", "[]", "{} {}", "{\"model_type\":\"qwen3\",\"model_type\":\"qwen3\"}", "\u0000"})
    void aFileThatIsNotOneJsonObjectIsRefused(String json) throws IOException {
        model.without("config.json");
        Files.writeString(directory.resolve("config.json"), json);
        assertThat(Refusal.messageOf(this::read))
                .startsWith(directory.resolve("config.json").toString())
                .containsPattern("malformed JSON at line|expected a JSON object");
    }

    @Test
    void anAbsentConfigIsNamed() {
        model.without("config.json");
        assertThat(Refusal.messageOf(this::read)).contains("config.json: no such file");
    }

    @ParameterizedTest
    @FieldSource("org.sparkqwen.engine.testing.Golden#MODELS")
    void theFormOfTransformers5GivesTheSameModelAndTheSameBits(String name, @TempDir Path other) {
        Path original = MODELS.resolve(name);
        ModelCopy copy = ModelCopy.of(original, other).config(ModelConfigTest::toTransformers5);
        assertThat(ModelConfig.read(other)).isEqualTo(ModelConfig.read(original));

        int[] tokens = Golden.ints(Golden.read(original.resolve("golden.json")).at("/sequences/3/ids"));
        assertThat(bits(copy.directory(), tokens)).hasSize(129).isEqualTo(bits(original, tokens));
    }

    private static void toTransformers5(ObjectNode json) {
        JsonNode scaling = json.remove("rope_scaling");
        ObjectNode parameters = json.putObject("rope_parameters");
        parameters.put("rope_type", "default");
        if (scaling instanceof ObjectNode yarn) {
            parameters.setAll(yarn);
        }
        parameters.set("rope_theta", json.remove("rope_theta"));
        json.set("dtype", json.remove("torch_dtype"));
        ArrayNode layers = json.putArray("layer_types");
        for (int i = 0; i < json.get("num_hidden_layers").intValue(); i++) {
            layers.add("full_attention");
        }
    }

    private static long[] bits(Path directory, int[] tokens) {
        try (Engine engine = Engine.open(directory, Golden.options(KernelChoice.VECTOR, 2, 2048))) {
            double[] scored = Golden.scored(engine, tokens, Golden.unprefixed(1024, 512))
                    .score()
                    .tokenLogProbabilities();
            return Arrays.stream(scored).mapToLong(Double::doubleToRawLongBits).toArray();
        }
    }

    @Test
    void yarnIsReadWithTheDefaultsOfTransformers() {
        model.config(
                json -> json.putObject("rope_scaling").put("rope_type", "yarn").put("factor", 4));
        assertThat(read().rope()).isInstanceOfSatisfying(Rope.Yarn.class, yarn -> {
            assertThat(yarn.theta()).isEqualTo(1_000_000);
            assertThat(yarn.factor()).isEqualTo(4);
            assertThat(yarn.originalPositions()).isEqualTo(4096);
            assertThat(yarn.attentionFactor()).isCloseTo(1.138629436111989, within(1e-15)); // 0.1 ln 4 + 1
            assertThat(yarn.betaFast()).isEqualTo(32);
            assertThat(yarn.betaSlow()).isEqualTo(1);
        });
        assertThat(read().maxPositions()).isEqualTo(4 * 4096);
    }

    @Test
    void anUnknownKeyCausesAWarningUnlessItIsNull() {
        ModelConfig before = read();
        model.config(json -> json.put("z_loss", 0.1).put("a_new_thing", "x").putNull("nothing"));
        assertThat(read().warnings()).containsExactly("config.json: unknown keys are ignored: a_new_thing, z_loss");
        assertThat(before.warnings()).isEmpty();
    }

    /// A key of experts means nothing to a dense model.
    @Test
    void aKeyOfAnotherFamilyIsNotKnown() {
        model.config(json -> json.put("num_experts", 8));
        assertThat(read().warnings()).containsExactly("config.json: unknown keys are ignored: num_experts");
        model.config(json -> json.put("model_type", "qwen3_moe"));
        assertThat(read().warnings()).noneMatch(line -> line.contains("unknown"));
    }

    @Test
    void manyOrHostileUnknownKeysAreOneLine() {
        model.config(json -> {
            json.put("A\u001b[2J\nwarning: all is well" + "x".repeat(10_000), 1);
            for (int i = 0; i < 1000; i++) {
                json.put("key%04d".formatted(i), i);
            }
        });
        assertThat(read().warnings())
                .singleElement()
                .satisfies(line -> assertThat(line)
                        .startsWith("config.json: unknown keys are ignored: A\\u001b[2J\\nwarning: all is wellxxx")
                        .endsWith("key0008 and 991 more")
                        .hasSizeLessThan(400));
    }

    /// Older versions of transformers wrote many keys that change nothing, and settings of generation.
    @Test
    void onlySettingsOfGenerationAmongKeysWithoutEffectAreNamed() {
        ModelConfig before = read();
        model.config(json -> {
            for (String key : ConfigKeys.WITHOUT_EFFECT) {
                json.put(key, "anything");
            }
            for (String key : List.of("mlp_bias", "use_bidirectional_attention", "is_encoder_decoder")) {
                json.put(key, false);
            }
            json.put("is_causal", true).put("logit_scale", 1.0).put("partial_rotary_factor", 1.0);
            json.put("hidden_act", "swish").putObject("pruned_heads");
            json.putArray("architectures").add("Qwen3Model");
        });
        assertThat(read()).isEqualTo(before);
        model.config(json -> json.put("top_k", 50).put("temperature", 0.5));
        assertThat(read().warnings())
                .containsExactly("config.json: settings of generation are ignored here, their place is"
                        + " generation_config.json: temperature, top_k");
    }

    @Test
    void anotherClassAndTokenizerCodeCauseWarnings() {
        model.config(json -> {
            json.putArray("architectures").add("LlamaForCausalLM");
            json.putObject("auto_map").put("AutoTokenizer", "tokenization.Own");
        });
        assertThat(read().warnings())
                .containsExactly(
                        "config.json: architectures names LlamaForCausalLM; the model is computed as Qwen3ForCausalLM",
                        "config.json: auto_map names code of the model's own, which is not run");
    }

    /// Each of 4,096 experts in each of 1,024 layers would have three names.
    @Test
    void aModelOfTwelveMillionTensorsIsRefusedAtOnce() {
        model.config(json -> json.put("model_type", "qwen3_moe")
                .put("num_hidden_layers", 1024)
                .put("num_experts", 4096)
                .put("num_experts_per_tok", 8));
        long start = System.nanoTime();
        assertThat(Refusal.messageOf(this::read))
                .contains("num_hidden_layers 1,024 with 4,194,304 experts in all need some 12,599,296 tensors");
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(5));
    }

    /// A person reads that page, so no key may be missing there.
    @Test
    void theDocumentationNamesEveryKey() throws IOException {
        String page = Files.readString(Path.of("../docs/models.md"));
        for (Set<String> keys : List.of(
                ConfigKeys.OBEYED,
                ConfigKeys.WITHOUT_EFFECT,
                ConfigKeys.OF_GENERATION,
                ConfigKeys.changingKeys(),
                new Qwen3().keys(),
                new Qwen3Moe().keys(),
                new Qwen2().keys())) {
            assertThat(keys).allSatisfy(key -> assertThat(page).contains("`" + key + "`"));
        }
    }

    @Test
    void aLongValueIsCutAndAKeyIsEscaped() {
        assertThat(refusal(json -> json.put("model_type", "\u001b[31m" + "x".repeat(100_000))))
                .contains("model_type \\u001b[31mxxx")
                .hasSizeLessThan(400);
        assertThat(refusal(json -> json.put("hidden_size", "\u202e\u2028" + "x".repeat(100_000))))
                .contains("hidden_size must be a whole number from 1 to 262,144, not \"\\u202e\\u2028xxx")
                .hasSizeLessThan(400);
    }

    @Test
    void theEndOfTextIdsOfGenerationConfigWin() {
        model.config(json -> json.put("eos_token_id", 7));
        model.json(
                "generation_config.json",
                json -> json.putArray("eos_token_id").add(5).add(6));
        assertThat(read().eosTokenIds()).containsExactly(5, 6);
        model.json("generation_config.json", json -> json.remove("eos_token_id"));
        assertThat(read().eosTokenIds()).containsExactly(7);
        model.config(json -> json.putNull("eos_token_id"));
        assertThat(read().eosTokenIds()).isEmpty();
    }

    @Test
    void anEndOfTextIdOutsideTheVocabularyIsRefusedInEveryFile() {
        model.json("generation_config.json", json -> json.put("eos_token_id", 512));
        assertThat(Refusal.messageOf(this::read)).contains("eos_token_id 512 is outside the vocabulary of 512");
    }

    @Test
    void generationConfigMayBeAbsentOrSwitchFiltersOff() {
        model.json(
                "generation_config.json",
                json -> json.put("do_sample", true)
                        .put("temperature", 0.6)
                        .put("top_k", 20)
                        .put("top_p", 0.95)
                        .put("max_new_tokens", 100));
        GenerationDefaults defaults = read().generationDefaults();
        assertThat(defaults.sample()).isTrue();
        assertThat(defaults.temperature()).isEqualTo(0.6);
        assertThat(defaults.topK()).isEqualTo(20);
        assertThat(defaults.topP()).isEqualTo(0.95);
        assertThat(defaults.minP()).isNull();
        assertThat(defaults.maxNewTokens()).isEqualTo(100);

        // transformers writes a filter that is off as 0.
        model.json("generation_config.json", json -> json.put("top_k", 0).put("min_p", 0.0));
        assertThat(read().generationDefaults().topK()).isZero();
        assertThat(read().generationDefaults().minP()).isZero();

        model.without("generation_config.json");
        assertThat(read().generationDefaults().sample()).isFalse();
        assertThat(read().eosTokenIds()).containsExactly(511);
    }

    @ParameterizedTest
    @CsvSource(delimiterString = " | ", quoteCharacter = '`', textBlock = """
        do_sample | 1 | do_sample must be true or false
        max_new_tokens | 0 | max_new_tokens must be a whole number from 1
        temperature | -1 | temperature must be a number of at least 0
        temperature | "hot" | temperature must be a number of at least 0
        top_k | -2 | top_k must be a whole number from -1
        top_p | 0 | top_p must be a number above 0 and at most 1
        top_p | 1.5 | top_p must be a number above 0 and at most 1
        min_p | 1.5 | min_p must be a number from 0 to 1
        suppress_tokens | 5 | suppress_tokens must be a list of token ids
        begin_suppress_tokens | ["a"] | begin_suppress_tokens must be a list of token ids
        bad_words_ids | [5] | bad_words_ids must be a list of lists of token ids
        bad_words_ids | [[]] | bad_words_ids must be a list of lists of token ids
        bad_words_ids | [[1, -5]] | bad_words_ids must be a list of lists of token ids
        no_repeat_ngram_size | -1 | no_repeat_ngram_size must be a whole number from 0
        forced_eos_token_id | "</s>" | forced_eos_token_id must be a token id or a list
        num_beams | 4 | num_beams 4 is not supported
        typical_p | 0.9 | typical_p 0.9 is not supported
        sequence_bias | [[[5], 1.0]] | sequence_bias
        stop_strings | ["a"] | stop_strings
        exponential_decay_length_penalty | [5, 1.1] | exponential_decay_length_penalty
        """)
    void aDefaultThatNoRequestCouldHaveIsRefusedByItsKey(String key, String value, String named) {
        model.json("generation_config.json", json -> json.set(key, parse(value)));
        assertThat(read().generationDefaults().faults())
                .singleElement()
                .asString()
                .contains("generation_config.json: " + named);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"top_k\": -1, \"min_p\": null, \"repetition_penalty\": 1.0, \"no_repeat_ngram_size\": 0}",
                "{\"top_k\": 0, \"top_p\": 1.0, \"typical_p\": 1.0, \"num_beams\": 1, \"epsilon_cutoff\": 0.0}",
                "{\"suppress_tokens\": [], \"begin_suppress_tokens\": [-1], \"bad_words_ids\": []}",
                "{\"suppress_tokens\": null, \"bad_words_ids\": null, \"forced_eos_token_id\": null}",
                "{\"temperature\": 0, \"do_sample\": null, \"stop_strings\": [], \"guidance_scale\": 1}",
                "{\"transformers_version\": \"5.17.0\", \"pad_token_id\": 3, \"_from_model_config\": true}"
            })
    void whatIsOffIsNoFault(String settings) {
        model.json("generation_config.json", json -> json.setAll((ObjectNode) parse(settings)));
        GenerationDefaults defaults = read().generationDefaults();
        assertThat(defaults.faults()).isEmpty();
        assertThat(defaults.warnings()).isEmpty();
        assertThat(defaults.topK()).isIn(null, 0);
        assertThat(defaults.suppressTokens()).isEmpty();
        assertThat(defaults.beginSuppressTokens()).isEmpty();
        assertThat(defaults.badWords()).isEmpty();
        assertThat(defaults.forcedEosTokenIds()).isEmpty();
    }

    @Test
    void anUnreadableGenerationConfigStopsOnlyGeneration() throws IOException {
        model.json("generation_config.json", json -> json.put("top_z", 1).put("max_length", 20));
        assertThat(read().generationDefaults().warnings())
                .containsExactly(
                        "generation_config.json: max_length is not obeyed; --max-new-tokens says how long texts may be",
                        "generation_config.json: key top_z is unknown and ignored");
        Files.writeString(model.directory().resolve("generation_config.json"), "{");
        assertThat(read().generationDefaults().faults())
                .singleElement()
                .asString()
                .contains("generation_config.json: malformed JSON");
    }

    @Test
    void headDimIs128IfTheConfigHasNone() {
        model.config(json -> json.remove("head_dim"));
        assertThat(read().attention().headDim()).isEqualTo(128);
        model.config(json -> json.putNull("head_dim"));
        assertThat(read().attention().headDim()).isEqualTo(128);
    }

    @ParameterizedTest
    @ValueSource(strings = {"qwen2", "qwen3_moe"})
    void otherFamiliesDivideTheHiddenSizeAmongTheHeads(String family) {
        model.config(json -> json.put("model_type", family).remove("head_dim"));
        assertThat(read().attention().headDim()).isEqualTo(96 / 6);
        assertThat(refusal(json -> json.put("hidden_size", 90)))
                .contains("hidden_size must be an even number for each head");
    }

    @Test
    void theKeysOfExpertsAreReadAsTheyStand() {
        ModelConfig config = ModelConfig.read(MODELS.resolve("moe-mixed-bf16"));
        assertThat(config.family()).isEqualTo(new Qwen3Moe());
        assertThat(config.mixture()).contains(new MixtureShape(8, 3, 48, false, Set.of(3)));
        assertThat(config.denseLayers()).isEqualTo(3);
        assertThat(config.warnings()).isEmpty();
        assertThat(ModelConfig.read(MODELS.resolve("moe-norm")).mixture())
                .contains(new MixtureShape(8, 2, 48, true, Set.of(0, 1, 2)));
    }

    @Test
    void theKeysOfExpertsHaveTheDefaultsOfTransformers() {
        model.config(json -> json.put("model_type", "qwen3_moe"));
        assertThat(read().mixture()).contains(new MixtureShape(128, 8, 768, false, Set.of(0, 1, 2)));
        model.config(json -> json.put("num_local_experts", 16)); // as transformers 5 may write it
        assertThat(read().mixture()).contains(new MixtureShape(16, 8, 768, false, Set.of(0, 1, 2)));
        model.config(json -> json.put("num_experts", 0));
        assertThat(read().mixture()).isEmpty();
        assertThat(read().denseLayers()).isEqualTo(3);
    }

    @ParameterizedTest
    @CsvSource(delimiterString = " | ", quoteCharacter = '`', textBlock = """
        num_experts | -1 | num_experts must be a whole number from 0
        num_experts | 4 | num_experts_per_tok 8 is more than the 4 of num_experts
        num_experts_per_tok | 0 | num_experts_per_tok must be a whole number from 1
        num_experts_per_tok | 129 | num_experts_per_tok 129 is more than the 128 of num_experts
        moe_intermediate_size | 0 | moe_intermediate_size must be a whole number from 1
        norm_topk_prob | 1 | norm_topk_prob must be true or false
        decoder_sparse_step | 0 | decoder_sparse_step must be a whole number from 1
        mlp_only_layers | 1 | mlp_only_layers must be a list of whole numbers
        mlp_only_layers | ["1"] | mlp_only_layers must be a list of whole numbers
        attention_bias | true | attention_bias true is not supported
        """)
    void aKeyOfExpertsThatMakesNoSenseIsRefused(String key, String value, String named) {
        model.config(json ->
                json.put("model_type", "qwen3_moe").put("num_experts", 128).put("num_experts_per_tok", 8));
        assertThat(refusal(json -> json.set(key, parse(value)))).contains(named);
    }

    /// Qwen2.5 uses this for long contexts, with the older name of the type.
    @Test
    void yarnIsReadInEitherFormOfEveryFamily() {
        for (String family : new String[] {"qwen3", "qwen3_moe", "qwen2"}) {
            model.config(json -> {
                json.put("model_type", family).remove("rope_parameters");
                json.put("rope_theta", 1e6)
                        .putObject("rope_scaling")
                        .put("type", "yarn")
                        .put("factor", 4.0)
                        .put("original_max_position_embeddings", 1024);
            });
            Rope old = read().rope();
            model.config(ModelConfigTest::toTransformers5);
            model.config(json -> {
                ObjectNode parameters = (ObjectNode) json.get("rope_parameters");
                parameters.remove("type");
                parameters.put("rope_type", "yarn");
            });
            assertThat(read().rope()).isInstanceOf(Rope.Yarn.class).isEqualTo(old);
        }
    }

    @Test
    void withoutKeyValueHeadsEveryHeadHasItsOwn() {
        model.config(json -> json.remove("num_key_value_heads"));
        assertThat(read().attention().keyValueHeads()).isEqualTo(6);
    }

    /// Whatever value is anywhere, the config is read or refused in one line. Nothing else is thrown.
    @Test
    void anyValueOfAnyKeyIsReadOrRefused() throws IOException {
        Path file = directory.resolve("config.json");
        ObjectNode original = (ObjectNode) MAPPER.readTree(file.toFile());
        original.putObject("rope_parameters")
                .put("rope_type", "yarn")
                .put("rope_theta", 1e6)
                .put("factor", 2);
        original.putArray("layer_types").add("full_attention");
        original.putNull("quantization_config");
        model.without("config.json");
        int read = 0;
        int refused = 0;
        for (String key : (Iterable<String>) original::fieldNames) {
            for (String value : new String[] {
                "null",
                "true",
                "-1",
                "0",
                "1",
                "2",
                "1e400",
                "1e-400",
                "12345678901234567890",
                "\"\"",
                "[]",
                "{}",
                "[[]]",
                "[{}]",
                "{\"rope_type\":\"yarn\",\"factor\":1e300,\"rope_theta\":1e-300}"
            }) {
                ObjectNode json = original.deepCopy();
                json.set(key, parse(value));
                MAPPER.writeValue(file.toFile(), json);
                try {
                    TensorPlan.of(read()).parameters();
                    read++;
                } catch (InvalidModelException e) {
                    assertThat(e.getMessage()).hasLineCount(1).contains("config.json");
                    refused++;
                }
            }
        }
        assertThat(read).isGreaterThan(100);
        assertThat(refused).isGreaterThan(100);
    }

    private String refusal(Consumer<ObjectNode> edit) {
        JsonNode before = Golden.read(directory.resolve("config.json"));
        model.config(edit);
        String message = Refusal.messageOf(this::read);
        model.config(json -> {
            json.removeAll();
            json.setAll((ObjectNode) before);
        });
        return message;
    }

    private ModelConfig read() {
        return ModelConfig.read(directory);
    }

    private static JsonNode parse(String json) {
        try {
            return MAPPER.readTree(json);
        } catch (IOException e) {
            throw new IllegalArgumentException(json, e);
        }
    }
}
