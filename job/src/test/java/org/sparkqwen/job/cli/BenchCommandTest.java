package org.sparkqwen.job.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LittleModel;
import org.sparkqwen.job.testing.LocalSpark;

/// The benchmark as a user sees it. Its figures are checked for plausibility, and never for speed.
class BenchCommandTest {
    @TempDir
    private Path directory = Path.of("");

    /// The precision int8 has no integers to multiply in weights as they are stored, so it is left out there.
    @Test
    void measuresWeightsAndPrecisionsSideBySide() throws IOException {
        Path json = directory.resolve("bench.json");
        CommandRun run = bench(
                "--model",
                LocalSpark.MODEL.toString(),
                "--only",
                "score",
                "--seconds",
                "0.1",
                "--batch-tokens",
                "64",
                "--document-tokens",
                "32",
                "--weights",
                "stored,int8",
                "--precision",
                "float32,int8",
                "--json",
                json.toString());
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out())
                .containsPattern("(?m)^side by side +score, 2 at a time +meanwhile$")
                .containsPattern("(?m)^weights stored, (code|vector)[^,]*, \\d+ thread\\(s\\) +[0-9.,]+")
                .containsPattern("(?m)^weights int8, (code|vector)[^,]*, \\d+ thread\\(s\\) +[0-9.,]+")
                .containsPattern("(?m)^weights int8, (code|vector)[^,]*, int8, \\d+ thread\\(s\\) +[0-9.,]+")
                .doesNotContainPattern("(?m)^weights stored.*, int8,");
        assertThat(new ObjectMapper().readTree(json.toFile()))
                .hasSize(3)
                .allSatisfy(report -> assertThat(report.at("/measurements")).hasSize(1));
    }

    /// A quantized model that keeps its integers has what the precision int8 needs.
    @Test
    @Tag("slow")
    void measuresIntegersThatTheModelKeeps() throws IOException {
        Path json = directory.resolve("bench.json");
        CommandRun run = bench(
                "--model",
                "../engine/src/test/resources/golden/quantized/packed-int4-groups",
                "--only",
                "score",
                "--seconds",
                "0.1",
                "--batch-tokens",
                "16",
                "--document-tokens",
                "16",
                "--precision",
                "float32,int8",
                "--json",
                json.toString());
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out())
                .containsPattern("(?m)^weights stored, (code|vector)[^,]*, int8, \\d+ thread\\(s\\) +[0-9.,]+");
        assertThat(new ObjectMapper().readTree(json.toFile())).hasSize(2);
    }

    @Test
    void measuresEntropiesInTurnsWithScores() throws IOException {
        Path json = directory.resolve("bench.json");
        CommandRun run = bench(
                "--model",
                LocalSpark.MODEL.toString(),
                "--only",
                "entropy,score,classify",
                "--seconds",
                "0.1",
                "--batch-tokens",
                "64",
                "--document-tokens",
                "32",
                "--json",
                json.toString());
        assertThat(run.exitCode()).as(run.err()).isZero();
        JsonNode measurements = new ObjectMapper().readTree(json.toFile()).at("/measurements");
        assertThat(measurements).hasSize(3);
        assertThat(measurements.get(2).get("part").textValue()).isEqualTo("classify");
        assertThat(measurements.get(2).at("/tokens_per_s/median").doubleValue()).isPositive();
        JsonNode score = measurements.get(0);
        JsonNode entropy = measurements.get(1);
        assertThat(score.get("part").textValue()).isEqualTo("score");
        assertThat(entropy.get("part").textValue()).isEqualTo("entropy");
        assertThat(entropy.get("rounds")).isEqualTo(score.get("rounds"));
        assertThat(entropy.get("ratio_to_scoring").doubleValue())
                .isEqualTo(entropy.at("/tokens_per_s/median").doubleValue()
                        / score.at("/tokens_per_s/median").doubleValue());
        assertThat(score.has("ratio_to_scoring")).isFalse();
    }

    @Test
    void measuresTheMachineAndEveryPart() throws IOException {
        Path json = directory.resolve("bench.json");
        CommandRun run = bench(
                "--model",
                LocalSpark.MODEL.toString(),
                "--seconds",
                "0.1",
                "--batch-tokens",
                "256",
                "--document-tokens",
                "64",
                "--sequences",
                "1,3",
                "--json",
                json.toString());
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.err()).contains("bench: the machine's peaks");
        assertThat(run.out())
                .contains("tiny-qwen3: ")
                .contains("multiply-adds, one thread, GFLOP/s")
                .contains("reading memory, ")
                .contains("score, 4 at a time")
                .contains("prefill, 4 at a time")
                .contains("decode, 1 at a time")
                .contains("decode, 3 at a time")
                .contains("of float32 peak  meanwhile")
                .containsPattern("(?m)^attention +[0-9.]+ +[0-9.]+ % +[0-9.,]+ +[0-9.]+ %( +[0-9.]+ %)?$")
                .containsPattern("(?m)^outside the kernels +[0-9.]+ +[0-9.]+ %$");

        JsonNode root = new ObjectMapper().readTree(json.toFile());
        assertThat(root.at("/batch_tokens").intValue()).isEqualTo(256);
        assertThat(root.at("/machine")).hasSize(3).allSatisfy(BenchCommandTest::assertOrdered);
        assertThat(root.at("/measurements")).hasSize(4).allSatisfy(measurement -> {
            assertThat(measurement.at("/rounds").intValue()).isGreaterThanOrEqualTo(3);
            assertOrdered(measurement.at("/tokens_per_s"));
            assertOrdered(measurement.at("/peak_gflops"));
            assertOrdered(measurement.at("/read_gb_per_s"));
            assertThat(measurement.at("/share_of_peak").doubleValue()).isPositive();
            assertThat(measurement.at("/share_of_reading").doubleValue()).isPositive();
            assertStagesAddUp(measurement);
        });
        double score = root.at("/measurements/0/tokens_per_s/median").doubleValue();
        double one = root.at("/measurements/2/tokens_per_s/median").doubleValue();
        double three = root.at("/measurements/3/tokens_per_s/median").doubleValue();
        assertThat(root.at("/measurements/3/ratio_to_one").doubleValue()).isEqualTo(three / one);
        assertThat(root.at("/measurements/3/ratio_to_scoring").doubleValue()).isEqualTo(three / score);
        assertThat(root.at("/measurements/0").has("ratio_to_one")).isFalse();
        assertThat(run.out()).containsPattern("(?m)^decode, 3 at a time .* [0-9.]+ x +[0-9.]+ %$");
    }

    private static void assertOrdered(JsonNode samples) {
        assertThat(samples.at("/worst").doubleValue()).isPositive();
        assertThat(samples.at("/median").doubleValue())
                .isBetween(
                        samples.at("/worst").doubleValue(), samples.at("/best").doubleValue());
    }

    /// Asserts that the stages' times add up to the round's, and their operations to all of its operations.
    private static void assertStagesAddUp(JsonNode measurement) {
        double time = 0;
        double millis = 0;
        double gflops = 0;
        List<String> names = new ArrayList<>();
        for (JsonNode stage : measurement.at("/stages")) {
            names.add(stage.at("/stage").textValue());
            assertThat(stage.at("/share_of_time").doubleValue()).isPositive();
            time += stage.at("/share_of_time").doubleValue();
            millis += stage.at("/ms_per_token").doubleValue();
            gflops += stage.at("/share_of_time").doubleValue()
                    * stage.at("/gflops").doubleValue();
        }
        assertThat(names).containsExactly("linear", "attention", "head", "rest", "outside the kernels");
        assertThat(time).isCloseTo(1, within(1e-9));
        assertThat(1000 / millis)
                .isCloseTo(measurement.at("/tokens_per_s/median").doubleValue(), within(1e-6 * 1000 / millis));
        double all = measurement.at("/gflops").doubleValue();
        assertThat(gflops).isCloseTo(all, within(1e-9 * all));
    }

    @Test
    void measuresOnlyWhatIsAskedFor() {
        CommandRun run = bench(
                "--model",
                LittleModel.directory().toString(),
                "--only",
                "decode",
                "--sequences",
                "2",
                "--seconds",
                "0.1",
                "--threads",
                "1",
                "--kernels",
                "scalar");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out())
                .contains("decode, 2 at a time")
                .contains("1 thread")
                .doesNotContain("score")
                .doesNotContain("prefill");
    }

    /// The rounds have 1,024 tokens, and take far longer than a thread waits between two bursts.
    @Test
    void measuresThePeakAmidScoring() throws IOException {
        Path json = directory.resolve("bench.json");
        CommandRun run = bench(
                "--model",
                LocalSpark.MODEL.toString(),
                "--only",
                "score,decode",
                "--sequences",
                "2",
                "--seconds",
                "0.1",
                "--batch-tokens",
                "1024",
                "--document-tokens",
                "256",
                "--json",
                json.toString());
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out())
                .containsPattern("(?m)^score, .* [0-9.]+ % +[0-9.]+ %$")
                .containsPattern("(?m)^linear +[0-9.]+ +[0-9.]+ % +[0-9.,]+ +[0-9.]+ % +[0-9.]+ %$");

        JsonNode root = new ObjectMapper().readTree(json.toFile());
        JsonNode score = root.at("/measurements/0");
        assertThat(score.at("/share_of_peak_meanwhile").doubleValue()).isPositive();
        assertThat(score.at("/stages/0/share_of_peak_meanwhile").doubleValue()).isPositive();
        assertThat(root.at("/measurements/1").has("share_of_peak_meanwhile")).isFalse();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--shape 5b | no published shape 5b; there are 0.6b, 1.7b, 4b, 8b, 14b, 32b",
                "--shape 4b --layers 0 | layers must be from 1 to the 36 of 4b, not 0",
                "--shape 4b --layers 37 | layers must be from 1 to the 36 of 4b, not 37",
                "--shape 4b --model . | give --model or --shape, not both",
                "--layers 2 | --layers cuts a --shape",
                "--threads -1 | --threads must be from 1 to 1,024",
                "--document-tokens 1 | --document-tokens must be at least 2, not 1",
                "--document-tokens 8192 | --batch-tokens 4,096 is less than one document",
                "--sequences 0 | --sequences must be numbers of at least 1",
                "--sequences 65 | their prompts are 4,160 tokens, more than batch-tokens 4,096",
                "--sequences x | is no whole number",
                "--seconds 0 | --seconds must be above 0",
                "--seconds NaN | --seconds must be above 0",
                "--only talk | but was 'talk'",
                "--kernels gpu | there are no kernels 'gpu'; there are auto, code, vector, scalar"
            })
    void refusesWhatMakesNoSense(String options, String message) {
        List<String> arguments = new ArrayList<>(List.of(options.split(" ")));
        if (!options.contains("--shape") && !options.contains("--layers")) {
            arguments.addAll(List.of("--model", LocalSpark.MODEL.toString()));
        }
        CommandRun run = bench(arguments.toArray(String[]::new));
        assertThat(run.exitCode()).as(run.err()).isEqualTo(2);
        assertThat(run.err()).contains("spark-qwen bench: ").contains(message).doesNotContain("\tat ");
    }

    @Test
    void helpTeaches() {
        CommandRun run = bench("--help");
        assertThat(run.exitCode()).isZero();
        assertThat(run.out())
                .contains("Usage: spark-qwen bench")
                .contains("Examples:")
                .contains("--shape");
    }

    private static CommandRun bench(String... options) {
        List<String> arguments = new ArrayList<>(List.of("bench"));
        arguments.addAll(List.of(options));
        return CommandRun.of(arguments.toArray(String[]::new));
    }
}
