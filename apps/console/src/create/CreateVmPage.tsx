import { Alert, Breadcrumb, BreadcrumbItem, Button, Form } from "@patternfly/react-core";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { faultSentence, fieldFaults } from "../api/fault-words.ts";
import { useServices } from "../app/services.ts";
import { useImages, useLive, useVms } from "../live/use-live.ts";
import { Loading } from "../parts/Loading.tsx";
import { PageHeader } from "../parts/PageHeader.tsx";
import {
  blankForm,
  faultsOf,
  specFrom,
  stepNames,
  stepOf,
  suggestionsFor,
  type CreateForm,
} from "./create-form.ts";
import { ImageStep } from "./ImageStep.tsx";
import { NetworkStep } from "./NetworkStep.tsx";
import { ResourcesStep } from "./ResourcesStep.tsx";
import { ReviewStep } from "./ReviewStep.tsx";
import { WizardSteps } from "./WizardSteps.tsx";

const steps = [ImageStep, ResourcesStep, NetworkStep, ReviewStep] as const;
const last = steps.length - 1;

export function CreateVmPage() {
  const { client } = useServices();
  const navigate = useNavigate();
  const images = useImages();
  const vms = useVms();
  const isLoaded = useLive((state) => state.isLoaded);
  const wanted = useSearch({ from: "/shell/vms/create" }).image;
  const [form, setForm] = useState<CreateForm>(blankForm);
  const [step, setStep] = useState(0);
  const [shownFaults, setShownFaults] = useState<Record<string, string>>({});
  const [failure, setFailure] = useState<string>();
  const [isBusy, setIsBusy] = useState(false);
  const body = useRef<HTMLDivElement>(null);
  const image = images.get(form.image);

  const set = (part: Partial<CreateForm>) => {
    setForm((old) => ({ ...old, ...part }));
    setShownFaults({});
  };
  const pick = (id: string) => {
    const picked = images.get(id);
    if (picked !== undefined) set(suggestionsFor(picked, new Set([...vms.values()].map((vm) => vm.name))));
  };
  const wantedImage = [...images.values()].find(({ id, name }) => id === wanted || name === wanted);
  useEffect(() => {
    if (form.image === "" && wantedImage !== undefined) pick(wantedImage.id);
  });

  const go = (target: number) => {
    const faults = faultsOf(form, image);
    const firstWrong = Object.keys(faults)
      .map(stepOf)
      .filter((at) => at < target)
      .toSorted((a, b) => a - b)[0];
    setShownFaults(firstWrong === undefined ? {} : faults);
    setStep(firstWrong ?? target);
    requestAnimationFrame(() =>
      body.current?.querySelector<HTMLElement>("[aria-invalid=true], input, select, h2")?.focus(),
    );
  };

  const create = async () => {
    const faults = faultsOf(form, image);
    if (Object.keys(faults).length > 0) return go(last);
    setIsBusy(true);
    setFailure(undefined);
    try {
      const query = form.isStarted ? { start: true } : {};
      const operation = await client.call(
        "createVm",
        { query, body: specFrom(form, image) },
        AbortSignal.timeout(30_000),
      );
      await navigate({ to: "/vms/$vm", params: { vm: operation.target.id } });
    } catch (error) {
      const fields = fieldFaults(error);
      const at = Object.keys(fields)[0];
      setShownFaults(fields);
      setFailure(faultSentence(error));
      if (at !== undefined) setStep(stepOf(at));
    } finally {
      setIsBusy(false);
    }
  };

  const Step = steps[step] ?? ImageStep;
  return (
    <>
      <PageHeader
        title="Create a VM"
        breadcrumb={
          <Breadcrumb>
            <BreadcrumbItem>
              <Link to="/vms">Virtual machines</Link>
            </BreadcrumbItem>
            <BreadcrumbItem isActive>Create</BreadcrumbItem>
          </Breadcrumb>
        }
      />
      <div className="page-body wizard">
        <WizardSteps current={step} faults={shownFaults} onGo={go} />
        <Form
          className="wizard__form"
          onSubmit={(event) => {
            event.preventDefault();
            if (step < last) go(step + 1);
            else void create();
          }}
        >
          {failure !== undefined && (
            <Alert variant="danger" isInline isLiveRegion title="The VM was not created">
              {failure}
            </Alert>
          )}
          <div ref={body} className="wizard__body">
            <h2 tabIndex={-1}>{stepNames[step]}</h2>
            {isLoaded ? (
              <Step form={form} image={image} faults={shownFaults} set={set} pick={pick} />
            ) : (
              <Loading />
            )}
          </div>
          <div className="form-actions">
            <Button type="submit" isLoading={isBusy} isDisabled={isBusy}>
              {step < last ? "Next" : form.isStarted ? "Create and start" : "Create"}
            </Button>
            {step > 0 && (
              <Button variant="secondary" onClick={() => setStep(step - 1)}>
                Back
              </Button>
            )}
            <Button variant="link" component={(props) => <Link {...props} to="/vms" />}>
              Cancel
            </Button>
          </div>
        </Form>
      </div>
    </>
  );
}
