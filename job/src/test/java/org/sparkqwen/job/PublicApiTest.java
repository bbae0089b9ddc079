package org.sparkqwen.job;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaCodeUnit;
import com.tngtech.archunit.core.domain.JavaField;
import com.tngtech.archunit.core.domain.JavaMember;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.domain.JavaType;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.sparkqwen.engine.hostcache.ModelFiles;
import org.sparkqwen.engine.tokenizer.Tokenizer;
import org.sparkqwen.engine.tokenizer.TokenizerFiles;
import org.sparkqwen.job.columns.PromptSource;
import org.sparkqwen.job.model.ModelReference;

/// The API of both modules: its public members take and give API types, values of the engine, and types of Spark and
/// the JDK.
public class PublicApiTest {
    private static final Set<String> API = Set.of(
            "org.sparkqwen.job",
            "org.sparkqwen.job.columns",
            "org.sparkqwen.job.model",
            "org.sparkqwen.engine.request");

    /// The classes of other packages that are API, too: those of runs with checkpoints.
    static final Set<String> API_OF_RUNS = Set.of(
            "org.sparkqwen.job.run.ResumableRun",
            "org.sparkqwen.job.run.RunSettings",
            "org.sparkqwen.job.run.RunSummary",
            "org.sparkqwen.job.input.InputFormat",
            "org.sparkqwen.job.errors.ErrorPolicy");

    /// The engine's values that an API may hold, each with the reason. Classes nested in them are values, too.
    private static final Map<String, String> ENGINE_VALUES = Map.ofEntries(
            Map.entry("constraint.Constraint", "a user describes what texts match"),
            Map.entry("kernels.Device", "a setting of what an engine computes on"),
            Map.entry("kernels.KernelChoice", "a setting of how an engine computes"),
            Map.entry("kernels.KeyValueFormat", "a setting of the KV cache"),
            Map.entry("model.ModelConfig", "a user reads the size of a model's context and vocabulary"),
            Map.entry("model.WeightEncoding", "a setting of how an engine packs weights"),
            Map.entry("sampling.GenerationParams", "the settings of a generated text"),
            Map.entry("sampling.RankedToken", "a part of a result"),
            Map.entry("scoring.DocumentScore", "a part of a result"),
            Map.entry("scoring.ScoreDetails", "a setting of a scored document"),
            Map.entry("scoring.ScoringOptions", "the settings of a scored document"),
            Map.entry("scoring.Windows", "a setting of a scored document"),
            Map.entry("tokenizer.ChatTemplate$Message", "a part of a request"),
            Map.entry("tokenizer.Conversation", "a part of a request"),
            Map.entry("tokenizer.SpecialTokens", "a setting of how a text is read"),
            Map.entry("tokenizer.TextPart", "a part of a request"));

    private static final JavaClasses ALL = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("org.sparkqwen");

    @Test
    void exposesOnlyItsOwnTypesValuesOfTheEngineSparkAndTheJdk() {
        Set<String> foreign = new TreeSet<>();
        for (JavaClass each : ALL) {
            if (isOfApi(each)) {
                foreign.addAll(foreignTypesOf(each));
            }
        }
        assertThat(foreign).isEmpty();
    }

    @Test
    void hasTheClassesOfRuns() {
        assertThat(ALL.stream().map(JavaClass::getName)).containsAll(API_OF_RUNS);
    }

    @Test
    void hasNoValueThatNobodyExposes() {
        Set<String> exposed = ALL.stream()
                .filter(each -> isOfApi(each) && isPublic(each))
                .flatMap(each -> exposedBy(each).stream())
                .map(each -> each.type().getName())
                .collect(Collectors.toSet());
        assertThat(ENGINE_VALUES.keySet())
                .allSatisfy(value -> assertThat(exposed).contains("org.sparkqwen.engine." + value));
    }

    /// The rule finds each way in which a class can expose another.
    @Test
    void findsForeignTypesWhereverTheyStand() {
        JavaClasses samples = new ClassFileImporter().importClasses(Leaking.class, Sound.class);
        assertThat(foreignTypesOf(samples.get(Leaking.class)))
                .containsExactlyInAnyOrder(
                        "Leaking -> ModelFiles", // its field, or one of its methods
                        "Leaking.<init> -> Tokenizer",
                        "Leaking.tokenizers -> Tokenizer",
                        "Leaking.arrays -> TokenizerFiles",
                        "Leaking.files -> ModelFiles",
                        "Leaking.hidden -> Hidden",
                        "Leaking.bounded -> ModelFiles");
        assertThat(foreignTypesOf(samples.get(Sound.class))).isEmpty();
    }

    /// A sample of a class that exposes internals.
    @SuppressWarnings("unused") // ArchUnit reads it
    public abstract static class Leaking implements Optionality<ModelFiles> {
        public final @Nullable ModelFiles files = null;

        public Leaking(Tokenizer tokenizer) {}

        public abstract Optional<List<? extends Tokenizer>> tokenizers();

        public abstract void arrays(TokenizerFiles[][] files);

        protected abstract Hidden hidden();

        public abstract <T extends ModelFiles> void bounded(T files);
    }

    /// A sample of an interface with a type parameter.
    public interface Optionality<T> {}

    /// A sample of a type that users cannot name, though its package is of the API.
    static final class Hidden {}

    /// A sample of a class that keeps internals to itself.
    @SuppressWarnings("unused") // ArchUnit reads it
    public abstract static class Sound {
        private final @Nullable Tokenizer tokenizer = null;

        Sound(Tokenizer tokenizer) {}

        abstract ModelFiles files();

        public abstract Map<String, ModelReference[]> models(PromptSource source, long count);
    }

    /// @param where the class or the member that has the type in its signature
    private record Exposed(String where, JavaClass type) {}

    /// Returns what a class exposes and may not, a line each; none for a class that users cannot name.
    private static Set<String> foreignTypesOf(JavaClass each) {
        return isPublic(each)
                ? exposedBy(each).stream()
                        .filter(exposed -> !isAllowed(exposed.type()))
                        .map(exposed -> "%s -> %s"
                                .formatted(exposed.where(), exposed.type().getSimpleName()))
                        .collect(Collectors.toSet())
                : Set.of();
    }

    private static List<Exposed> exposedBy(JavaClass each) {
        List<Exposed> all = new ArrayList<>();
        Set<JavaType> parents = new LinkedHashSet<>(each.getInterfaces());
        each.getSuperclass().ifPresent(parents::add);
        parents.addAll(each.getTypeParameters());
        add(all, each.getSimpleName(), parents);
        for (JavaMember member : each.getMembers()) {
            if (isVisible(member)) {
                add(all, "%s.%s".formatted(each.getSimpleName(), member.getName()), signature(member));
            }
        }
        return all;
    }

    private static void add(List<Exposed> all, String where, Set<JavaType> types) {
        for (JavaType type : types) {
            for (JavaClass raw : type.getAllInvolvedRawTypes()) {
                all.add(new Exposed(where, raw.getBaseComponentType()));
            }
        }
    }

    private static Set<JavaType> signature(JavaMember member) {
        Set<JavaType> types = new LinkedHashSet<>();
        switch (member) {
            case JavaField field -> types.add(field.getType());
            case JavaCodeUnit code -> {
                types.add(code.getReturnType());
                types.addAll(code.getParameterTypes());
                types.addAll(code.getTypeParameters());
                types.addAll(code.getExceptionTypes());
            }
            default -> throw new IllegalStateException("an unknown kind of member: " + member);
        }
        return types;
    }

    private static boolean isVisible(JavaMember member) {
        Set<JavaModifier> modifiers = member.getModifiers();
        return (modifiers.contains(JavaModifier.PUBLIC) || modifiers.contains(JavaModifier.PROTECTED))
                && !modifiers.contains(JavaModifier.SYNTHETIC);
    }

    private static boolean isPublic(JavaClass each) {
        return each.getModifiers().contains(JavaModifier.PUBLIC)
                && each.getEnclosingClass().map(PublicApiTest::isPublic).orElse(true);
    }

    private static boolean isOfApi(JavaClass each) {
        return API.contains(each.getPackageName())
                || API_OF_RUNS.contains(each.getName())
                || each.getEnclosingClass().map(PublicApiTest::isOfApi).orElse(false);
    }

    private static boolean isAllowed(JavaClass type) {
        String name = type.getName();
        return type.isPrimitive()
                || name.startsWith("java.")
                || name.startsWith("org.apache.spark.")
                || (isOfApi(type) && isPublic(type))
                || isEngineValue(type);
    }

    private static boolean isEngineValue(JavaClass type) {
        return ENGINE_VALUES.containsKey(type.getName().replace("org.sparkqwen.engine.", ""))
                || type.getEnclosingClass().map(PublicApiTest::isEngineValue).orElse(false);
    }
}
