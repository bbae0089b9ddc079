package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.sparkqwen.engine.kernels.Device;
import org.sparkqwen.engine.kernels.DeviceException;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.SeparateMemoryKernels;
import org.sparkqwen.engine.testing.StandInGpuProvider;

/// When a GPU has too little memory for a batch, the engine takes smaller ones, once, and the results stay the same.
class GpuMemoryTest {
    private static final Path MODEL = Golden.DIRECTORY.resolve("models/dense-untied-bf16-2shards");
    private static final int LENGTH = 20;
    private static final int BATCH = 4 * LENGTH;

    @BeforeEach
    void startGpus() {
        System.setProperty(StandInGpuProvider.GPUS, "1");
    }

    @AfterEach
    void stopGpus() {
        System.clearProperty(StandInGpuProvider.GPUS);
        System.clearProperty(StandInGpuProvider.MOST_TOKENS);
    }

    private static Engine open() {
        return Engine.open(MODEL, Golden.options(KernelChoice.AUTO.on(Device.CUDA), 1, BATCH));
    }

    /// Documents and embeddings in batches of four, and texts whose prompts share blocks.
    private static List<String> results() {
        int before = SeparateMemoryKernels.openBuffers();
        List<String> results = new ArrayList<>();
        try (Engine engine = open()) {
            assertThat(engine.kernels()).isEqualTo("separate memory of cuda:0, 1 thread(s)");
            Random random = new Random(3);
            List<Request.Score> documents = new ArrayList<>();
            List<Request.Embed> texts = new ArrayList<>();
            List<Request.Generate> prompts = new ArrayList<>();
            int[] common = random.ints(2 * LENGTH, 0, 500).toArray();
            for (int i = 0; i < 9; i++) {
                int[] tokens = random.ints(LENGTH, 0, 500).toArray();
                documents.add(Golden.score(i, tokens, Golden.unprefixed(LENGTH, LENGTH)));
                texts.add(new Request.Embed(i, new Content.Tokens(tokens), LENGTH, 4));
                int[] prompt = common.clone();
                prompt[prompt.length - 1 - i] = i;
                prompts.add(Golden.generate(i, prompt, Golden.sampled(3, 1, i)));
            }
            for (Result result : Golden.all(engine.score(documents.iterator()))) {
                results.add(Arrays.toString(((Result.Scored) result).score().tokenLogProbabilities()));
            }
            for (Result result : Golden.all(engine.embed(texts.iterator()))) {
                results.add(Arrays.toString(((Result.Embedded) result).embedding()));
            }
            for (Result result : Golden.all(engine.generate(prompts.iterator()))) {
                results.add(((Result.Generated) result).tokens().toString());
            }
            assertThat(engine.blocksInUse()).isZero();
        }
        assertThat(SeparateMemoryKernels.openBuffers()).isEqualTo(before);
        return results;
    }

    @Test
    void smallerBatchesAreTakenAndGiveTheSameResults() {
        List<String> expected = results();
        System.setProperty(StandInGpuProvider.MOST_TOKENS, Integer.toString(BATCH / 2));
        assertThat(results()).isEqualTo(expected);
    }

    @Test
    void batchesAreHalvedOnceAndThenTheErrorSaysWhatToDo() {
        System.setProperty(StandInGpuProvider.MOST_TOKENS, Integer.toString(BATCH / 2 - 3));
        List<Request.Score> documents = new ArrayList<>();
        List<Request.Generate> prompts = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            int[] tokens = new Random(i).ints(LENGTH, 0, 500).toArray();
            documents.add(Golden.score(i, tokens, Golden.unprefixed(LENGTH, LENGTH)));
            prompts.add(Golden.generate(i, tokens, Golden.greedy(1)));
        }
        String message = "the GPU has no memory left, with a batch of 40 tokens; give fewer --batch-tokens, a shorter"
                + " --context, or less --memory to the KV cache";
        try (Engine engine = open()) {
            assertThatThrownBy(() -> Golden.all(engine.generate(prompts.iterator())))
                    .isInstanceOf(DeviceException.class)
                    .hasMessage(message);
        }
        try (Engine engine = open()) {
            assertThatThrownBy(() -> Golden.all(engine.score(documents.iterator())))
                    .isInstanceOf(DeviceException.class)
                    .hasMessageContaining("with a batch of 38 tokens; give fewer --batch-tokens");
        }
    }
}
