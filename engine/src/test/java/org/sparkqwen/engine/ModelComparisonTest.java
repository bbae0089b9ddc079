package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.sparkqwen.engine.checkpoint.Fidelity;
import org.sparkqwen.engine.checkpoint.PackedFile;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.model.WeightEncoding;
import org.sparkqwen.engine.quantized.NumberType;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.run.ModelComparison;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.ModelCopy;
import org.sparkqwen.engine.testing.SafetensorsWriter;
import org.sparkqwen.engine.testing.Unwatched;

/// What encodings of weights change, as `pack --verify` measures it.
class ModelComparisonTest {
    private static final int WINDOW = 96;
    private static final int WINDOWS = 4;

    /// Channels with outliers, and how much larger they are.
    private static final int[] CHANNELS = {3, 17, 40};

    private static final float OUTLIER = 100;

    @TempDir
    private Path directory = Path.of("");

    @Test
    void aModelIsLikeItself() {
        Fidelity fidelity = compare(Golden.SMALL_MODEL, WeightEncoding.STORED, Golden.SMALL_MODEL);
        assertThat(fidelity.tokens()).isEqualTo(WINDOWS * (WINDOW - 1));
        assertThat(fidelity.meanDivergence()).isZero();
        assertThat(fidelity.highDivergence()).isZero();
        assertThat(fidelity.perplexityChange()).isZero();
        assertThat(fidelity.agreement()).isEqualTo(1);
    }

    /// Perplexities are those of scoring, and eight bits change less than four.
    @Test
    void encodingsChangeLittle() {
        Fidelity eight = compare(Golden.SMALL_MODEL, WeightEncoding.INT8, Golden.SMALL_MODEL);
        Fidelity four = compare(Golden.SMALL_MODEL, WeightEncoding.INT4, Golden.SMALL_MODEL);
        assertThat(eight.publishedPerplexity()).isCloseTo(perplexity(WeightEncoding.STORED), within(1e-6));
        assertThat(eight.perplexity()).isCloseTo(perplexity(WeightEncoding.INT8), within(1e-6));
        assertThat(four.perplexity()).isCloseTo(perplexity(WeightEncoding.INT4), within(1e-6));
        assertThat(eight.meanDivergence()).isBetween(1e-6, 2e-3).isLessThan(four.meanDivergence() / 10);
        assertThat(four.meanDivergence()).isLessThan(0.1);
        assertThat(eight.highDivergence()).isGreaterThan(eight.meanDivergence());
        assertThat(eight.agreement()).isGreaterThan(0.95);
    }

    /// In this model some channels of activations are a hundred times as large, and their weights as much smaller,
    /// as in real models. It computes nearly the same as before, and encodings must not lose these channels.
    @ParameterizedTest
    @EnumSource(names = {"INT8", "INT4"})
    void channelsWithOutliersSurvive(WeightEncoding encoding) throws Exception {
        Path outliers = withOutliers();
        Fidelity plain = compare(Golden.SMALL_MODEL, encoding, Golden.SMALL_MODEL);
        Fidelity hard = compare(outliers, encoding, outliers);
        assertThat(hard.publishedPerplexity()).isCloseTo(plain.publishedPerplexity(), withinPercentage(1e-3));
        assertThat(hard.meanDivergence()).isLessThan(1.5 * plain.meanDivergence());
    }

    @Test
    void aMeasurementIsKeptInThePackedFile() throws Exception {
        Path packed = directory.resolve("packed");
        Path file = Packing.intoDirectory(
                        Golden.SMALL_MODEL, WeightEncoding.INT8, packed, directory.resolve("cache"), new Unwatched())
                .file();
        Fidelity measured = new Fidelity("a \"text\"", 12, 1e-3, 0.25, 20.5, 20.75, 0.96875);
        try (PackedFile before = PackedFile.open(file)) {
            assertThat(before.fidelity()).isEmpty();
            before.keep(measured);
        }
        try (PackedFile after = PackedFile.open(file)) {
            assertThat(after.fidelity()).contains(measured);
        }
        assertThat(Packing.verify(file, new Unwatched())).isEqualTo(Files.size(file));
        assertThat(packed).isDirectoryNotContaining("glob:**.tmp");
    }

    private static Fidelity compare(Path model, WeightEncoding encoding, Path other) {
        try (Engine published = open(model, WeightEncoding.STORED);
                Engine packed = open(other, encoding)) {
            ModelComparison comparison = new ModelComparison(published.model(), packed.model());
            for (int window = 0; window < WINDOWS; window++) {
                comparison.add(tokens(window));
            }
            return comparison.result("random tokens");
        }
    }

    private static double perplexity(WeightEncoding encoding) {
        try (Engine engine = open(Golden.SMALL_MODEL, encoding)) {
            Iterator<Result> scored = engine.score(IntStream.range(0, WINDOWS)
                    .mapToObj(window -> Golden.score(window, tokens(window), Golden.unprefixed(WINDOW, WINDOW)))
                    .iterator());
            double sum = 0;
            while (scored.hasNext()) {
                double[] each = ((Result.Scored) scored.next()).score().tokenLogProbabilities();
                sum += Arrays.stream(each).filter(Double::isFinite).sum();
            }
            return Math.exp(-sum / (WINDOWS * (WINDOW - 1)));
        }
    }

    private static Engine open(Path model, WeightEncoding encoding) {
        return Engine.open(model, Golden.options(KernelChoice.AUTO, 2, 128).withWeights(encoding));
    }

    private static int[] tokens(int window) {
        return new Random(window).ints(WINDOW, 300, 1500).toArray();
    }

    /// Copies the small model, in float32, with outliers in the norms' output.
    private Path withOutliers() throws Exception {
        Path copy = Files.createDirectory(directory.resolve("outliers"));
        ModelCopy.of(Golden.SMALL_MODEL, copy);
        try (var files = Files.list(copy)) {
            for (Path file : files.filter(each -> each.toString().endsWith(".safetensors"))
                    .toList()) {
                SafetensorsWriter.rewrite(file, ModelComparisonTest::addOutliers);
            }
        }
        return copy;
    }

    private static void addOutliers(Map<String, SafetensorsWriter.Tensor> tensors) {
        tensors.replaceAll((name, tensor) -> {
            boolean norm = name.endsWith("layernorm.weight");
            boolean reads = List.of("q_proj", "k_proj", "v_proj", "gate_proj", "up_proj").stream()
                    .anyMatch(part -> name.endsWith(part + ".weight"));
            if (!norm && !reads) {
                return tensor;
            }
            SafetensorsWriter.Tensor wide = tensor.dtype() == NumberType.F32 ? tensor : tensor.toF32();
            ByteBuffer numbers = ByteBuffer.wrap(wide.bytes()).order(ByteOrder.LITTLE_ENDIAN);
            int inputs = wide.shape().getLast();
            for (int row = 0; row < wide.bytes().length / Float.BYTES / inputs; row++) {
                for (int channel : CHANNELS) {
                    int at = (row * inputs + channel) * Float.BYTES;
                    float number = numbers.getFloat(at);
                    numbers.putFloat(at, norm ? number * OUTLIER : number / OUTLIER);
                }
            }
            return wide;
        });
    }
}
