import { stepNames, stepOf } from "./create-form.ts";

export type WizardStepsProps = {
  current: number;
  faults: Record<string, string>;
  onGo: (step: number) => void;
};

/** Where in the wizard one is; leads back, and forward as far as the fields allow. */
export function WizardSteps({ current, faults, onGo }: WizardStepsProps) {
  const wrong = new Set(Object.keys(faults).map(stepOf));
  return (
    <nav aria-label="Steps">
      <ol className="steps">
        {stepNames.map((name, index) => (
          <li key={name}>
            <button
              type="button"
              className={`step${wrong.has(index) ? " is-wrong" : index < current ? " is-done" : ""}`}
              aria-current={index === current ? "step" : undefined}
              onClick={() => onGo(index)}
            >
              <span className="step__number" aria-hidden>
                {wrong.has(index) ? "!" : index + 1}
              </span>
              {name}
              {wrong.has(index) && <span className="pf-v6-screen-reader"> (needs a correction)</span>}
            </button>
          </li>
        ))}
      </ol>
    </nav>
  );
}
