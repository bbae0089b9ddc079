package org.sparkqwen.engine.testing;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;
import org.sparkqwen.engine.Engine;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.request.EngineOptions;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.sampling.Ending;
import org.sparkqwen.engine.sampling.GenerationParams;
import org.sparkqwen.engine.sampling.SamplingParams;
import org.sparkqwen.engine.scoring.ScoringOptions;
import org.sparkqwen.engine.scoring.ScoringOptions.Prefix;
import org.sparkqwen.engine.scoring.Windows;

/// Reference values from transformers, and the same values from an engine.
public final class Golden {
    /// The tolerance in nats, which is the contract with transformers in float32.
    public static final double NLL_TOLERANCE = 2e-4;

    public static final Path DIRECTORY = Path.of("src/test/resources/golden");
    public static final Path SMALL_MODEL = Path.of("../data-samples/tiny-qwen3");

    /// All small models with reference values, as names of directories below `models`.
    public static final List<String> MODELS = List.of(
            "dense-tied-f32",
            "dense-untied-bf16-2shards",
            "dense-odd-f16",
            "dense-yarn",
            "moe-mixed-bf16",
            "moe-norm",
            "qwen2-bias");

    private Golden() {}

    public static JsonNode read(Path file) {
        try {
            return new ObjectMapper().readTree(file.toFile());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public static JsonNode parse(String json) {
        try {
            return new ObjectMapper().readTree(json);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public static int[] ints(JsonNode array) {
        return StreamSupport.stream(array.spliterator(), false)
                .mapToInt(JsonNode::intValue)
                .toArray();
    }

    public static double[] doubles(JsonNode array) {
        return StreamSupport.stream(array.spliterator(), false)
                .mapToDouble(JsonNode::doubleValue)
                .toArray();
    }

    public static EngineOptions options(KernelChoice kernels, int threads, int batchTokens) {
        return new EngineOptions(kernels, threads, batchTokens, 64);
    }

    /// Returns options as in transformers: no prefix, so the first token is not scored.
    public static ScoringOptions unprefixed(int context, int stride) {
        return new ScoringOptions(new Windows.Strided(context, stride), Prefix.NONE, 20);
    }

    public static GenerationParams greedy(int newTokens) {
        return new GenerationParams(SamplingParams.GREEDY, Ending.after(newTokens));
    }

    /// Returns parameters that sample among all tokens.
    public static GenerationParams sampled(int newTokens, double temperature, long seed) {
        return new GenerationParams(
                SamplingParams.GREEDY.withTemperature(temperature).withSeed(seed), Ending.after(newTokens));
    }

    public static Request.Score score(long id, int[] tokens, ScoringOptions options) {
        return new Request.Score(id, new Content.Tokens(tokens), options);
    }

    public static Request.Generate generate(long id, int[] prompt, GenerationParams params) {
        return new Request.Generate(id, new Content.Tokens(prompt), 0, params);
    }

    public static Result.Scored scored(Engine engine, int[] tokens, ScoringOptions options) {
        return (Result.Scored)
                engine.score(List.of(score(0, tokens, options)).iterator()).next();
    }

    public static Result.Generated generated(Engine engine, int[] prompt, GenerationParams params) {
        return (Result.Generated)
                engine.generate(List.of(generate(0, prompt, params)).iterator()).next();
    }

    /// Returns the engine's greedy tokens in the form of the reference, which continues after an end-of-text token.
    /// The engine ends there and is asked again.
    public static int[] greedyPastEndOfText(Engine engine, int[] prompt, int count) {
        int[] known = prompt;
        while (known.length < prompt.length + count) {
            int[] more = generated(engine, known, greedy(prompt.length + count - known.length)).tokens().stream()
                    .mapToInt(Integer::intValue)
                    .toArray();
            known = IntStream.concat(Arrays.stream(known), Arrays.stream(more)).toArray();
        }
        return Arrays.copyOfRange(known, prompt.length, known.length);
    }

    /// Returns all results, in the order of request ids.
    public static List<Result> all(Iterator<Result> run) {
        List<Result> results = new ArrayList<>();
        run.forEachRemaining(results::add);
        results.sort((a, b) -> Long.compare(a.id(), b.id()));
        return results;
    }
}
