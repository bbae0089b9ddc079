package org.sparkqwen.engine;

import static com.tngtech.archunit.core.domain.JavaAccess.Predicates.target;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.assignableTo;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.name;
import static com.tngtech.archunit.core.domain.properties.HasOwner.Predicates.With.owner;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.BitSet;
import java.util.Collections;
import java.util.Deque;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// The rules that keep the engine's parts apart.
class ArchitectureTest {
    private static final String ROOT = "org.sparkqwen.engine";

    /// Public for the sake of the job module alone, which these tests do not see.
    private static final Set<String> FOR_THE_JOB = Set.of(
            ROOT + ".checkpoint.CacheEviction", // and what follows: a host's copies of models
            ROOT + ".checkpoint.FileRange",
            ROOT + ".checkpoint.ModelCache",
            ROOT + ".checkpoint.ModelCopyException",
            ROOT + ".checkpoint.ModelFile",
            ROOT + ".checkpoint.ModelFiles",
            ROOT + ".checkpoint.ModelOrigin",
            ROOT + ".checkpoint.RangeSource",
            ROOT + ".message.Redaction", // what of its options may be shown
            ROOT + ".model.PublishedShape"); // what bench makes random weights for

    private static final JavaClasses ENGINE = new ClassFileImporter().importPath(Path.of("target/classes"));

    @Test
    void theEngineKnowsNothingOfSpark() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("org.apache.spark..", "org.apache.hadoop..")
                .check(ENGINE);
    }

    @Test
    void onlyConstraintsUseLuceneAndTheyKnowNoOtherPart() {
        noClasses()
                .that()
                .resideOutsideOfPackage(ROOT + ".constraint")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("org.apache..")
                .check(ENGINE);
        classes()
                .that()
                .resideInAPackage(ROOT + ".constraint")
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage(
                        "java..",
                        "com.fasterxml.jackson..",
                        "org.apache.lucene.util..",
                        "org.jspecify.annotations",
                        ROOT + ".message",
                        ROOT + ".constraint")
                .check(ENGINE);
    }

    /// A rendering pays for all that it makes. These are the classes that charge for what they hold, and those that
    /// work while a template is parsed, whose source is bounded.
    @Test
    void whatATemplateMakesIsChargedToItsBudget() {
        noClasses()
                .that()
                .resideInAPackage(ROOT + ".template")
                .and()
                .haveNameNotMatching(".*\\.(Items|Tuple|Range|Dict|Namespace|Scope|Text|Text\\$Builder|Spelling)")
                .and()
                .haveNameNotMatching(".*\\.(Lexer|Parser|ExpressionParser|OperandParser(\\$ArgumentList)?)")
                .should()
                .callConstructorWhere(target(owner(resideInAPackage("java..")
                        .and(assignableTo(Iterable.class)
                                .or(assignableTo(Map.class))
                                .or(assignableTo(CharSequence.class))
                                .or(assignableTo(BitSet.class))))))
                .check(ENGINE);
        noClasses()
                .that()
                .resideInAPackage(ROOT + ".template")
                .should()
                .callMethodWhere(target(owner(assignableTo(Stream.class)))
                        .or(target(name("repeat")).and(target(owner(assignableTo(String.class)))))
                        .or(target(name("nCopies")).and(target(owner(assignableTo(Collections.class))))))
                .check(ENGINE);
    }

    @Test
    void onlyKernelsUseTheVectorModule() {
        noClasses()
                .that()
                .resideOutsideOfPackage(ROOT + ".kernels")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("jdk.incubator.vector..")
                .check(ENGINE);
    }

    @Test
    void kernelsDependOnTheJdkAlone() {
        classes()
                .that()
                .resideInAPackage(ROOT + ".kernels")
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage("java..", "jdk.incubator.vector..", "org.jspecify.annotations", ROOT + ".kernels")
                .check(ENGINE);
    }

    @Test
    void theSchedulerKnowsNeitherModelNorKernels() {
        noClasses()
                .that()
                .resideInAPackage(ROOT + ".scheduler")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(ROOT + ".model", ROOT + ".kernels")
                .check(ENGINE);
    }

    @Test
    void onlyTheFacadeSeesBothTokenizerAndScheduler() {
        Set<String> both = usersOf("tokenizer");
        both.retainAll(usersOf("scheduler"));
        assertThat(both)
                .contains(ROOT + ".Engine")
                .allMatch(name -> packageOf(name).equals(ROOT));
    }

    /// Top-level classes outside a part that depend on it.
    private static Set<String> usersOf(String part) {
        Set<String> users = new TreeSet<>();
        for (JavaClass each : ENGINE) {
            boolean uses = each.getDirectDependenciesFromSelf().stream()
                    .anyMatch(dependency ->
                            dependency.getTargetClass().getPackageName().equals(ROOT + "." + part));
            if (uses && !each.getPackageName().equals(ROOT + "." + part)) {
                users.add(topLevel(each).getName());
            }
        }
        return users;
    }

    private static String packageOf(String className) {
        return className.substring(0, className.lastIndexOf('.'));
    }

    @Test
    void partsDoNotDependOnTheFacade() {
        noClasses()
                .that()
                .resideInAPackage(ROOT + ".*..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage(ROOT)
                .check(ENGINE);
    }

    @Test
    void partsDoNotDependOnEachOtherInCircles() {
        slices().matching(ROOT + ".(*)..").should().beFreeOfCycles().check(ENGINE);
    }

    @Test
    void namesSayWhatAClassIs() {
        noClasses()
                .should()
                .haveNameMatching(".*(Manager|Helper|Util|Utils|Impl)")
                .check(ENGINE);
    }

    /// A class that nobody outside its package needs is not public. That the exceptions are found, too, shows that
    /// the search finds something.
    @Test
    void whatNoOtherPackageNeedsIsNotPublic() {
        Set<String> needless = new TreeSet<>();
        for (JavaClass each : ENGINE) {
            if (isPublicPart(each) && !isNeededElsewhere(each)) {
                needless.add(each.getName());
            }
        }
        assertThat(needless).containsExactlyInAnyOrderElementsOf(FOR_THE_JOB);
    }

    private static boolean isPublicPart(JavaClass each) {
        return each.isTopLevelClass()
                && each.getModifiers().contains(JavaModifier.PUBLIC)
                && !each.getPackageName().equals(ROOT);
    }

    /// Whether another package uses the class, or reaches it through the public members of one that it uses.
    private static boolean isNeededElsewhere(JavaClass each) {
        Deque<JavaClass> users = new ArrayDeque<>(Set.of(each));
        Set<JavaClass> seen = new HashSet<>(users);
        while (!users.isEmpty()) {
            JavaClass used = users.removeFirst();
            for (JavaClass user : ENGINE) {
                boolean usesIt = user.getDirectDependenciesFromSelf().stream()
                        .anyMatch(dependency ->
                                topLevel(dependency.getTargetClass()).equals(used));
                if (usesIt && !user.getPackageName().equals(each.getPackageName())) {
                    return true;
                }
                if (exposes(user, used) && seen.add(topLevel(user))) {
                    users.add(topLevel(user));
                }
            }
        }
        return false;
    }

    /// Whether a public method of a public class gives or takes `used`.
    private static boolean exposes(JavaClass user, JavaClass used) {
        return user.getModifiers().contains(JavaModifier.PUBLIC)
                && user.getMethods().stream()
                        .filter(method -> method.getModifiers().contains(JavaModifier.PUBLIC))
                        .anyMatch(method -> topLevel(method.getRawReturnType()).equals(used)
                                || method.getRawParameterTypes().stream()
                                        .anyMatch(type -> topLevel(type).equals(used)));
    }

    private static JavaClass topLevel(JavaClass each) {
        JavaClass top = each;
        while (top.getEnclosingClass().isPresent()) {
            top = top.getEnclosingClass().get();
        }
        return top;
    }
}
