package org.sparkqwen.engine.run;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.sparkqwen.engine.cache.KeyValueCache;
import org.sparkqwen.engine.checkpoint.DType;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.engine.kernels.measure.TimedKernels;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.model.WeightEncoding;
import org.sparkqwen.engine.model.Weights;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.request.EngineOptions;
import org.sparkqwen.engine.request.KeyValueOptions;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.sampling.Ending;
import org.sparkqwen.engine.sampling.GenerationParams;
import org.sparkqwen.engine.sampling.SamplingParams;

/// A model so small that a step takes microseconds. All tests of a JVM share it, each with a loop of its own.
final class StressModel {
    static final EngineOptions OPTIONS = new EngineOptions(KernelChoice.SCALAR, 1, 64, 4)
            .withKeyValues(new KeyValueOptions(KeyValueFormat.F32, 1 << 16));

    private static final String CONFIG = """
        {"model_type": "qwen3", "vocab_size": 32, "hidden_size": 32, "intermediate_size": 32,
         "num_hidden_layers": 1, "num_attention_heads": 1, "num_key_value_heads": 1, "head_dim": 32,
         "hidden_act": "silu", "rms_norm_eps": 1e-6, "rope_theta": 10000, "max_position_embeddings": 64,
         "tie_word_embeddings": true, "eos_token_id": 31}
        """;

    private static final TimedKernels KERNELS =
            new TimedKernels(OPTIONS.kernels().create(1, _ -> {}));

    private static final LoadedModel MODEL = new LoadedModel(
            OPTIONS,
            null,
            new Conversations(null),
            Weights.random(config(), DType.F32, WeightEncoding.STORED, 1, KERNELS.newBuffers()),
            KERNELS,
            new ReentrantLock(true));

    private StressModel() {}

    private static ModelConfig config() {
        try {
            Path directory = Files.createTempDirectory("stress-model");
            Path file = directory.resolve("config.json");
            try {
                Files.writeString(file, CONFIG);
                return ModelConfig.read(directory);
            } finally {
                Files.deleteIfExists(file);
                Files.delete(directory);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static KeyValueCache newCache() {
        return new KeyValueCache(MODEL.newGenerationBlocks());
    }

    static GenerationLoop newLoop() {
        return new GenerationLoop(MODEL);
    }

    /// A run of one text, which waits for its turn.
    ///
    /// @param tokens number of tokens to generate
    static GenerationRun newRun(GenerationLoop loop, int tokens) {
        GenerationParams params = new GenerationParams(SamplingParams.GREEDY, Ending.after(tokens));
        Iterator<Request.Generate> one = List.of(
                        new Request.Generate(1, new Content.Tokens(new int[] {1, 2, 3}), 0, params))
                .iterator();
        GenerationRun run = GenerationRun.open(MODEL, loop, one, () -> false, _ -> {});
        run.feed();
        return run;
    }
}
